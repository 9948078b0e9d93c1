"""What a world model is: observations to latents, latents forward in time, and a reward for each.

A world model is an ordinary `torch.nn.Module` written for one run. Shapes use B for batch, S for the width of an
observation, A for the width of an action, L for the width of a latent and K for what the reward head says. Methods of
`WorldModel` also take one leading time axis, with ``task`` of shape (B,) shared by all times.

`TwoHotRewards` or `OwnRewards` says how rewards are read and trained: a model has one of them. The others are what a
model may have more abilities, found by its methods: `Calibrated`, `Stochastic`, `Recurrent`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["Calibrated", "OwnRewards", "Recurrent", "Stochastic", "TwoHotRewards", "WorldModel"]


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
        """Latent (..., B, L) one agent step after taking ``action`` (..., B, A) in ``latent`` (..., B, L).

        Of a `Stochastic` model it is the mean of what `Stochastic.sample` draws.
        """
        ...

    def reward(self, latent: Tensor, action: Tensor, task: Tensor) -> Tensor:
        """What the reward head says (..., B, K) of taking ``action`` in ``latent``: logits, or what the model reads."""
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
class TwoHotRewards(Protocol):
    """How most models read rewards: `WorldModel.reward` gives logits over bins, trained by two-hot codes."""

    def reward_bins(self) -> Tensor:
        """Values (K,) the reward logits are about, in symlog units, increasing."""
        ...


@runtime_checkable
class OwnRewards(Protocol):
    """How a model reads rewards itself, in place of `TwoHotRewards`: one number, a Gaussian, or anything else.

    The algorithm's variant ``reward_loss`` is about two-hot heads and does not reach it.
    """

    def decode_reward(self, output: Tensor) -> Tensor:
        """The reward expected, in symlog units (...), by what `WorldModel.reward` said (..., K)."""
        ...

    def reward_loss(self, output: Tensor, reward: Tensor) -> Tensor:
        """How badly what `WorldModel.reward` said (..., K) misses plain rewards (...): (...), one for each."""
        ...


@runtime_checkable
class Stochastic(Protocol):
    """An optional ability of a world model whose steps are drawn: policies are trained in what it draws.

    It draws nothing itself; the noise comes from a stream of the run's own. It is fitted one step from what was
    observed and never along its own draws, whose errors a likelihood would take for spread. Planning and predicted
    returns follow `WorldModel.next`, the mean, so that no sequence of actions wins by luck.
    """

    def sample(self, latent: Tensor, action: Tensor, task: Tensor, noise: Tensor) -> Tensor:
        """Draw the latent (B, L) after ``action`` (B, A) in ``latent`` (B, L), with a gradient to both.

        Args:
            latent: Where the step starts.
            action: What is done.
            task: Task indices, (B,).
            noise: Standard normal draws of `sample_noise_shape`.
        """
        ...

    def sample_noise_shape(self, batch_size: int) -> tuple[int, ...]:
        """Shape of the noise `sample` wants for ``batch_size`` rows; the first entry is the batch."""
        ...


@runtime_checkable
class Recurrent(Protocol):
    """An optional ability of a world model that remembers: its memory is a part of the latent.

    `WorldModel.encode` gives the latent of an observation before which nothing was seen, `WorldModel.next` carries the
    memory along a roll-out, and `observe` does so through real episodes: those it is fitted to and those it is
    evaluated in. Policies and critics see the memory with the rest of the latent.
    """

    def observe(self, latent: Tensor, action: Tensor, observation: Tensor, task: Tensor) -> Tensor:
        """The latent (B, L) when, after ``action`` (B, A) in ``latent`` (B, L), ``observation`` (B, S) is seen.

        Args:
            latent: What was known before.
            action: What was done, as the model sees it: padding set to zero where the algorithm says so.
            observation: What came of it.
            task: Task indices, (B,).
        """
        ...


@runtime_checkable
class Calibrated(Protocol):
    """An optional ability of a world model that scales observations: it is given their mean and deviation.

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


@runtime_checkable
class StepCalibrated(Protocol):
    """An optional ability of a `Calibrated` world model: it is given how far observations move in one agent step.

    Called once, right after `Calibrated.calibrate`, by whoever calls that.
    """

    def calibrate_steps(self, deviation: Tensor, task: int) -> None:
        """Take note of the standard deviation (S,) of a task's change of observation in one agent step, by entry.

        Args:
            deviation: Standard deviations in an observation's units, 1 where an entry does not vary.
            task: Index of the task.
        """
        ...
