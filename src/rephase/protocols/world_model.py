"""What a world model is: observations to latents, latents forward in time, and a reward for each.

A world model is an ordinary `torch.nn.Module` written for one run. Shapes use B for batch, S for the width of an
observation, A for the width of an action, L for the width of a latent and K for the number of reward bins. Every
method also takes one leading time axis, with ``task`` of shape (B,) shared by all times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["Calibrated", "WorldModel"]


@runtime_checkable
class WorldModel(Protocol):
    """A latent dynamics model with a reward head.

    Nothing here draws random numbers or changes its arguments. The only method that changes the module's own state is
    `constrain`, which the engine calls before each use; the others may rely on it having been called.
    """

    def encode(self, observation: Tensor, task: Tensor) -> Tensor:
        """Map observations (..., B, S) of tasks (B,) to latents (..., B, L)."""
        ...

    def next(self, latent: Tensor, action: Tensor, task: Tensor) -> Tensor:
        """Latent (..., B, L) one agent step after taking ``action`` (..., B, A) in ``latent`` (..., B, L)."""
        ...

    def reward(self, latent: Tensor, action: Tensor, task: Tensor) -> Tensor:
        """Logits (..., B, K) over `reward_bins` of the reward for taking ``action`` in ``latent``."""
        ...

    def reward_bins(self) -> Tensor:
        """Values (K,) the reward logits are about, in symlog units, increasing."""
        ...

    def transition_loss(
        self, latent: Tensor, target: Tensor, action: Tensor, task: Tensor, noise: Tensor | None
    ) -> Tensor:
        """How badly one step from ``latent`` (B, L) under ``action`` (B, A) misses ``target`` (B, L).

        Args:
            latent: Where the step starts. Not detached here: the caller decides.
            target: Where it should end.
            action: What was done, (B, A).
            task: Task indices, (B,).
            noise: Uniform draws from [0, 1) of `transition_noise_shape`, or None when that is None.

        Returns:
            A scalar, the mean over batch and latent entries.
        """
        ...

    def transition_noise_shape(self, batch_size: int) -> tuple[int, ...] | None:
        """Shape of the uniform noise `transition_loss` wants for ``batch_size`` rows, the first axis; None for none."""
        ...

    def constrain(self, task: Tensor) -> None:
        """Put the parameters that the tasks (B,) use back inside their bounds, in place and without gradient."""
        ...

    def task_parameters(self) -> tuple[str, ...]:
        """Names of the parameters that embed the task, which the log's code kept out of the optimiser."""
        ...

    def latent_size(self) -> int:
        """Width L of a latent."""
        ...

    def initialise(self, generator: torch.Generator) -> None:
        """Draw every parameter afresh from ``generator`` and from nothing else."""
        ...


@runtime_checkable
class Calibrated(Protocol):
    """What a world model may offer besides, if it scales observations: being told how they are spread.

    A run that trains a model from drawn parameters calls it once, for its own task, before the first step; nothing else
    does. What it keeps belongs in buffers, so that it is saved with the parameters.
    """

    def calibrate(self, mean: Tensor, deviation: Tensor, task: int) -> None:
        """Take note of the mean and the standard deviation of a task's observations, (S,) each, entry by entry.

        Args:
            mean: Means.
            deviation: Standard deviations, 1 where an entry does not vary.
            task: Index of the task.
        """
        ...
