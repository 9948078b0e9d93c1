"""The deterministic policies of many runs, each in its own task: as they are now, or as they were.

Evaluations need no more than this. A copy shares nothing with the runs it was made of, so that it may act on the CPU
while they go on training.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from rephase.engine.parts import SharedPart, StackedPart

__all__ = ["Actors"]


class Actors:
    """Policies of R runs and the world models whose latents they see.

    Args:
        world_model: The runs' world models.
        policy: The runs' policies.
        tasks: Task index of each run, (R,).
    """

    def __init__(self, world_model: SharedPart | StackedPart, policy: StackedPart, tasks: Tensor) -> None:
        self._world_model = world_model
        self._policy = policy
        self._tasks = tasks

    @torch.no_grad()
    def act(self, observation: Tensor) -> Tensor:
        """Deterministic actions of every run.

        Args:
            observation: (R, E, S), on any device.

        Returns:
            Actions in [-1, 1], (R, E, A), on the CPU.
        """
        observation = observation.to(self._tasks.device)
        task = self._tasks.unsqueeze(1).expand(observation.shape[:2])
        self._world_model.constrain(task)
        latent = self._world_model.call("encode", observation, task)
        return self._policy.call("mean", latent).tanh().cpu()

    def copied(self) -> Actors:
        """The same as they are now, on the CPU; waits for the device."""
        return Actors(self._world_model.copied(), self._policy.copied(), self._tasks.cpu())

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that training changes, by name; a frozen world model is not in it."""
        return {name: value.detach() for name, value in self._parameters().items()}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Become what other actors of the same runs were."""
        for name, value in self._parameters().items():
            value.copy_(state[name])

    def _parameters(self) -> dict[str, Tensor]:
        parts = {"policy": self._policy, "world_model": self._world_model}
        return {f"{part}/{name}": value for part, own in parts.items() for name, value in own.parameters().items()}
