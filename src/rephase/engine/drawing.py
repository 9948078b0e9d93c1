"""What updates learn from: data and noise of many runs, each drawn from its own streams, and where updates find them.

Everything is drawn on the CPU, so that a run meets the same numbers on every device. Updates read from tensors that
stay where they are, which is what lets them be recorded and replayed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from rephase.engine.learner import Batch
from rephase.engine.seeding import stream

__all__ = ["RandomInputs", "Inputs", "SliceSource"]


class SliceSource(Protocol):
    """Real episodes of one run's task, that stretches and start states can be drawn from."""

    def draw(self, count: int, horizon: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Draw observations (H+1, B, S), actions (H, B, A), plain rewards (H, B) and task indices (B,)."""
        ...

    def start_states(self, count: int, horizon: int, generator: torch.Generator) -> Tensor:
        """Draw the first observations (B, S) of what `draw` would, from the same random numbers."""
        ...


class RandomInputs:
    """Draws for R runs, B rows and H steps; K times as many rows of slices.

    Args:
        seeds: Each run's seed.
        experience: Each run's start observations (n, S), or where to draw slices or start states from.
        size: Number B of rows.
        horizon: Number H of steps.
        noise_shape: What a policy wants for one step of B rows.
        model_noise_shape: The same of a transition loss, for its K times B rows; None where it wants none.
        model_updates: Number K of the world model's steps in one update, each on B slices.
        trains_model: Whether whole slices are wanted; else only where roll-outs start.
        step_noise_shape: What the world model wants to draw one step of B rows; None where its steps are not drawn.
        loss_draws_shape: What a policy's own loss wants for all H times B rows; None where it wants nothing.
    """

    def __init__(
        self,
        *,
        seeds: Sequence[int],
        experience: Sequence[Tensor | SliceSource],
        size: int,
        horizon: int,
        noise_shape: tuple[int, ...],
        model_noise_shape: tuple[int, ...] | None,
        model_updates: int = 1,
        trains_model: bool = True,
        step_noise_shape: tuple[int, ...] | None = None,
        loss_draws_shape: tuple[int, ...] | None = None,
    ) -> None:
        self._experience = list(experience)
        self._trains_model = trains_model
        self._size = size
        self._slices = size * model_updates
        self._horizon = horizon
        self._noise_shape = noise_shape
        self._model_noise_shape = model_noise_shape
        self._batches = [stream(seed, "batches") for seed in seeds]
        self._noises = [stream(seed, "noise") for seed in seeds]
        self._step_noise_shape = step_noise_shape
        self._loss_draws_shape = loss_draws_shape
        wanted = {"step_noise": step_noise_shape, "loss_draws": loss_draws_shape}
        # Streams of their own, so that a part that wants neither draws what it always drew.
        self._optional = {
            name: [stream(seed, name) for seed in seeds] for name, shape in wanted.items() if shape is not None
        }

    def draw(self) -> dict[str, Tensor]:
        """What one update needs apart from the tasks, by its name in `Batch`, on the CPU."""
        drawn: list[list[Tensor]] = []
        for source, batches, noises in zip(self._experience, self._batches, self._noises, strict=True):
            if isinstance(source, Tensor):
                rows = torch.randint(source.shape[0], (self._size,), generator=batches)
                own = [source[rows].unsqueeze(0)]
            elif not self._trains_model:
                own = [source.start_states(self._size, self._horizon, batches).unsqueeze(0)]
            else:
                own = list(source.draw(self._slices, self._horizon, batches)[:3])
                if self._model_noise_shape is not None:
                    own.append(torch.rand(self._horizon, *self._model_noise_shape, generator=noises))
            noise = torch.randn(self._horizon, *self._noise_shape, generator=noises)
            drawn.append([noise, *own])
        optional = self._draw_optional()
        noise, observation, *slices = (torch.stack(parts, 1) for parts in zip(*drawn, strict=True))
        if not slices:
            return {"noise": noise, "observation": observation[0], **optional}
        return {
            **optional,
            "noise": noise,
            "observation": observation,
            **dict(zip(("action", "reward", "model_noise"), slices, strict=False)),
        }

    def state_dict(self) -> dict[str, Tensor]:
        """States of all generators by name."""
        return {
            f"{name}/{run}": generator.get_state()
            for name, generators in self._generators().items()
            for run, generator in enumerate(generators)
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on drawing from where the generators were."""
        for name, generators in self._generators().items():
            for run, generator in enumerate(generators):
                generator.set_state(state[f"{name}/{run}"])

    def _generators(self) -> dict[str, list[torch.Generator]]:
        return {"batches": self._batches, "noise": self._noises, **self._optional}

    def _draw_optional(self) -> dict[str, Tensor]:
        drawn: dict[str, Tensor] = {}
        if (shape := self._step_noise_shape) is not None:
            rows = [torch.randn(self._horizon, *shape, generator=one) for one in self._optional["step_noise"]]
            drawn["step_noise"] = torch.stack(rows, 1)
        if (shape := self._loss_draws_shape) is not None:
            drawn["loss_draws"] = torch.stack(
                [torch.rand(*shape, generator=one) for one in self._optional["loss_draws"]]
            )
        return drawn


class Inputs:
    """The tensors on a device that updates read, filled anew before each.

    Args:
        tasks: Task index of each run, (R,), on the device.
        size: Number B of rows.
    """

    def __init__(self, tasks: Tensor, size: int) -> None:
        self._task = tasks.unsqueeze(1).expand(-1, size)
        self._held: dict[str, Tensor] = {}

    def fill(self, drawn: Mapping[str, Tensor]) -> None:
        """Copy what was drawn to the device; a GPU takes it while the host goes on."""
        device = self._task.device
        for name, value in drawn.items():
            if name not in self._held:
                self._held[name] = torch.empty_like(value, device=device)
            # The allocator of pinned memory keeps a block until the copy from it is done.
            given = value.pin_memory() if device.type == "cuda" else value
            self._held[name].copy_(given, non_blocking=True)

    @property
    def batch(self) -> Batch:
        """What the next update learns from: the same tensors every time."""
        return Batch(task=self._task, **self._held)
