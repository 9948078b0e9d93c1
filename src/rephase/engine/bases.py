"""What parts of the log's kind have in common, for plugins to build on: all but what makes each its own.

Parameter names are those of the published checkpoints, and modules are made in their order, in which they are drawn.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from rephase.engine.networks import Standardisation, TaskEmbedding, draw_linear_defaults, draw_world_model, tower
from rephase.protocols import Spaces

__all__ = ["NoiseSettings", "NoisyStart", "TaskWorldModel", "TaskWorldModelSettings"]

_STANDARDISED = "standardised"


class TaskWorldModelSettings(Protocol):
    """The settings that `TaskWorldModel` reads.

    The encoder is ``mlp``, which is learned and ends in SimNorm, or ``standardised``, which is no network but a scale
    for each entry of an observation.
    """

    @property
    def latent_size(self) -> int: ...  # noqa: D102
    @property
    def encoder(self) -> str: ...  # noqa: D102
    @property
    def encoder_units(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def task_size(self) -> int: ...  # noqa: D102
    @property
    def simnorm(self) -> int: ...  # noqa: D102
    @property
    def bins(self) -> int: ...  # noqa: D102
    @property
    def lowest(self) -> float: ...  # noqa: D102
    @property
    def highest(self) -> float: ...  # noqa: D102


class TaskWorldModel(nn.Module):
    """A world model but for its steps: an encoder that sees the task, and how the bins of a two-hot head are placed.

    Who builds on it makes the networks of its steps and then the reward head, as ``_reward``, and writes `next`,
    `reward` and `transition_loss`.

    Args:
        settings: Sizes.
        spaces: Sizes of the task suite.

    Raises:
        ValueError: Latents are to be standardised observations but have another width.
    """

    _reward: nn.Sequential

    def __init__(self, settings: TaskWorldModelSettings, spaces: Spaces) -> None:
        super().__init__()
        latent, task = settings.latent_size, settings.task_size
        self._settings = settings
        self._task_emb = TaskEmbedding(spaces.tasks, task)
        self._encoder: nn.Module
        if settings.encoder == _STANDARDISED:
            if latent != spaces.observation:
                raise ValueError(
                    f"latent_size must be {spaces.observation}, the width of an observation, where encoder is "
                    f"{_STANDARDISED!r}; found {latent}"
                )
            self._encoder = Standardisation(spaces.tasks, latent)
        else:
            self._encoder = tower(spaces.observation + task, settings.encoder_units, latent, settings.simnorm)

    def encode(self, observation: Tensor, task: Tensor) -> Tensor:
        """Map observations (..., B, S) of tasks (B,) to latents (..., B, L)."""
        if isinstance(self._encoder, Standardisation):
            return self._encoder(observation, task)  # type: ignore[no-any-return]
        return self._encoder(torch.cat([observation, self._task_emb(task, observation)], -1))  # type: ignore[no-any-return]

    def reward_bins(self) -> Tensor:
        """Values (K,) of the bins, symlog units."""
        weight, settings = self._task_emb.weight, self._settings
        return torch.linspace(
            settings.lowest, settings.highest, settings.bins, dtype=weight.dtype, device=weight.device
        )

    def calibrate(self, mean: Tensor, deviation: Tensor, task: int) -> None:
        """Keep mean and deviation (S,) of a task's observations, if it is them that latents are made by."""
        if isinstance(self._encoder, Standardisation):
            self._encoder.calibrate(mean, deviation, task)

    def constrain(self, task: Tensor) -> None:
        """Shorten the embeddings of the tasks (B,) to length 1, in place."""
        self._task_emb.shorten(task)

    def task_parameters(self) -> tuple[str, ...]:
        """Name of the embedding table."""
        return ("_task_emb.weight",)

    def latent_size(self) -> int:
        """Width L of a latent."""
        return self._settings.latent_size

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw as TD-MPC2 does (`draw_world_model`); the last layer of the reward head begins at zero."""
        draw_world_model(self, generator)
        last = self._reward[-1]
        nn.init.zeros_(last.weight)  # type: ignore[arg-type]


class NoiseSettings(Protocol):
    """The settings that `NoisyStart` reads: logarithms of a standard deviation, where it begins and its floor."""

    @property
    def initial_log_std(self) -> float: ...  # noqa: D102
    @property
    def lowest_log_std(self) -> float: ...  # noqa: D102


class NoisyStart(nn.Module):
    """A policy but for its way: it starts from scaled noise, or from zero, and goes to the action.

    Who builds on it makes its networks and writes `carry`. Where that also does with the parameters of R copies,
    (R, ...) each, and batches (R, B, ...), as networks of `rephase.engine.networks.head` do,
    ``of_copies = ("act", "mean")`` spares the engine `torch.func.vmap`.

    Args:
        settings: Where the noise's scale begins, and its floor.
        action_size: Width A of an action.
    """

    def __init__(self, settings: NoiseSettings, action_size: int) -> None:
        super().__init__()
        self._noise_settings = settings
        self.init_logstd = nn.Parameter(torch.full((action_size,), settings.initial_log_std))

    def carry(self, latent: Tensor, start: Tensor) -> Tensor:
        """The action before squashing (B, A) that the way from ``start`` (B, A) leads to, given latents (B, L)."""
        raise NotImplementedError(f"{type(self).__name__} does not say where a start leads")

    def act(self, latent: Tensor, noise: Tensor) -> Tensor:
        """Go from scaled noise: actions before squashing (B, A) for latents (B, L) and noise (B, A)."""
        return self.carry(latent, noise * self.init_logstd.exp().unsqueeze(-2))

    def mean(self, latent: Tensor) -> Tensor:
        """Go from zero: the deterministic action before squashing, (B, A)."""
        return self.carry(latent, latent.new_zeros(*latent.shape[:-1], self.init_logstd.shape[-1]))

    def noise_shape(self, batch_size: int) -> tuple[int, ...]:
        """(B, A)."""
        return (batch_size, self.init_logstd.shape[0])

    def spread(self) -> Tensor:
        """Mean standard deviation of the start point, floor applied, a scalar."""
        return self.init_logstd.clamp(min=self._noise_settings.lowest_log_std).exp().mean()

    @torch.no_grad()
    def constrain(self) -> None:
        """Raise the log standard deviation to its floor, in place."""
        self.init_logstd.clamp_(min=self._noise_settings.lowest_log_std)

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Uniform weights of +-1/sqrt(fan_in), and the initial noise."""
        draw_linear_defaults(self, generator)
        self.init_logstd.fill_(self._noise_settings.initial_log_std)
