"""The deterministic policies of many runs, each in its own task: as they are now, or as they were.

Evaluations need no more than this. A copy shares nothing with the runs it was made of, so that it may act on the CPU
while they go on training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from rephase.engine.parts import SharedPart, StackedPart
from rephase.protocols import Recurrent

__all__ = ["Actors", "Belief"]


class Belief:
    """What R runs' world models make of episodes as they go on, from the first observation to the last.

    A model that remembers is given the last action; any other sees each observation by itself.

    Args:
        world_model: The runs' world models.
        masked: Actions (R, E, A) and tasks (R, E) to the actions as the models see them.
    """

    def __init__(
        self, world_model: SharedPart | StackedPart, masked: Callable[[Tensor, Tensor], Tensor] | None = None
    ) -> None:
        self._world_model = world_model
        self._masked = masked
        self._remembers = isinstance(world_model.module, Recurrent)
        self._before: tuple[Tensor, Tensor] | None = None

    def see(self, observation: Tensor, task: Tensor) -> Tensor:
        """Latents (R, E, L) of the observations (R, E, S) that came now; tasks are (R, E)."""
        if self._before is None:
            return self._world_model.call("encode", observation, task)
        latent, action = self._before
        return self._world_model.call("observe", latent, action, observation, task)

    def act(self, latent: Tensor, action: Tensor, task: Tensor) -> None:
        """Take note of the actions (R, E, A) that follow on the latents (R, E, L)."""
        if self._remembers:
            self._before = latent, action if self._masked is None else self._masked(action, task)


class Actors:
    """Policies of R runs and the world models whose latents they see, through episodes that begin with the first call.

    Args:
        world_model: The runs' world models.
        policy: The runs' policies.
        tasks: Task index of each run, (R,).
        masks: 1 where an action entry belongs to a task, (tasks, A), where world models are to see no other; None for
            all entries.
    """

    def __init__(
        self,
        world_model: SharedPart | StackedPart,
        policy: StackedPart,
        tasks: Tensor,
        masks: Tensor | None = None,
    ) -> None:
        self._world_model = world_model
        self._policy = policy
        self._tasks = tasks
        self._masks = masks
        self._belief = Belief(world_model, None if masks is None else lambda action, task: action * masks[task])

    @torch.no_grad()
    def act(self, observation: Tensor) -> Tensor:
        """Deterministic actions of every run.

        Args:
            observation: What episodes show next, (R, E, S), on any device.

        Returns:
            Actions in [-1, 1], (R, E, A), on the CPU.
        """
        observation = observation.to(self._tasks.device)
        task = self._tasks.unsqueeze(1).expand(observation.shape[:2])
        self._world_model.constrain(task)
        latent = self._belief.see(observation, task)
        action = self._policy.call("mean", latent).tanh()
        self._belief.act(latent, action, task)
        return action.cpu()

    def begun(self) -> Actors:
        """The same, sharing everything with these, at the beginning of new episodes."""
        return Actors(self._world_model, self._policy, self._tasks, self._masks)

    def copied(self) -> Actors:
        """The same as they are now, on the CPU, at the beginning of new episodes; waits for the device."""
        masks = None if self._masks is None else self._masks.cpu()
        return Actors(self._world_model.copied(), self._policy.copied(), self._tasks.cpu(), masks)

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
