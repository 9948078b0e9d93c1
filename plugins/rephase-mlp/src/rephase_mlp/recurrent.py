"""A world model that remembers, whose steps are drawn, and whose rewards are no bins."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from rephase.engine.networks import Standardisation, TaskEmbedding, draw_linear_defaults, tower
from rephase.engine.rewards import symlog
from rephase.protocols import Integrator, Spaces
from rephase_mlp.offers import GaussianGRUConfig

__all__ = ["GaussianGRU"]


class GaussianGRU(nn.Module):
    """A gated recurrent unit over standardised observations, Gaussian steps from it, and a Gaussian reward head.

    A latent is [observation, memory]: the observation less its mean and over its deviation, task by task, and M numbers
    that begin at zero. A step first updates the memory by what was seen and done, then moves the observation by a
    Gaussian of the new memory. When an observation comes in, it takes the place of the predicted one.

    Args:
        config: Sizes.
        spaces: Sizes of the task suite.
        integrator: None; this model takes none.

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical machine translation",
    2014, for the unit; Ha and Schmidhuber, "Recurrent world models facilitate policy evolution", 2018, for policies
    trained in a recurrent model's draws.
    """

    def __init__(self, config: GaussianGRUConfig, spaces: Spaces, integrator: Integrator | None = None) -> None:
        super().__init__()
        seen = spaces.observation
        inputs = seen + config.task_size + spaces.action
        self._config = config
        self._seen = seen
        self._task_emb = TaskEmbedding(spaces.tasks, config.task_size)
        self._standardisation = Standardisation(spaces.tasks, seen)
        self._gates = tower(inputs + config.memory, (), 2 * config.memory, None)
        self._candidate = tower(inputs + config.memory, (), config.memory, None)
        self._step = tower(inputs + config.memory, config.units, 2 * seen, None)
        self._reward = tower(inputs + config.memory, config.units, 2, None)

    def encode(self, observation: Tensor, task: Tensor) -> Tensor:
        """Latents (..., B, L) of observations (..., B, S) before which nothing was seen."""
        seen: Tensor = self._standardisation(observation, task)
        return torch.cat([seen, seen.new_zeros(*seen.shape[:-1], self._config.memory)], -1)

    def observe(self, latent: Tensor, action: Tensor, observation: Tensor, task: Tensor) -> Tensor:
        """Latents (B, L) after actions (B, A) led to observations (B, S)."""
        memory = self._remember(latent, action, task)
        return torch.cat([self._standardisation(observation, task), memory], -1)

    def next(self, latent: Tensor, action: Tensor, task: Tensor) -> Tensor:
        """Mean latent (..., B, L) one agent step later."""
        mean, _, _, memory = self._moved(latent, action, task)
        return torch.cat([mean, memory], -1)

    def sample(self, latent: Tensor, action: Tensor, task: Tensor, noise: Tensor) -> Tensor:
        """Drawn latent (B, L) one agent step later; noise is (B, S)."""
        mean, std, _, memory = self._moved(latent, action, task)
        return torch.cat([mean + std * noise, memory], -1)

    def sample_noise_shape(self, batch_size: int) -> tuple[int, ...]:
        """(B, S)."""
        return (batch_size, self._seen)

    def reward(self, latent: Tensor, action: Tensor, task: Tensor) -> Tensor:
        """Mean and log standard deviation (..., B, 2) of the reward, symlog units."""
        return self._reward(self._joint(latent, action, task))  # type: ignore[no-any-return]

    def decode_reward(self, output: Tensor) -> Tensor:
        """The mean, (...), of what the head said, (..., 2)."""
        return output[..., 0]

    def reward_loss(self, output: Tensor, reward: Tensor) -> Tensor:
        """Negative log-likelihood (...) of plain rewards (...), but for a constant."""
        mean, raw = output.unbind(-1)
        return _surprise(symlog(reward), mean, *self._std(raw))

    def transition_loss(
        self, latent: Tensor, target: Tensor, action: Tensor, task: Tensor, noise: Tensor | None
    ) -> Tensor:
        """Negative log-likelihood of the target's observation, a scalar, zero at the best; takes no noise."""
        mean, std, above, _ = self._moved(latent, action, task)
        return _surprise(target[..., : self._seen], mean, std, above).mean()

    def transition_noise_shape(self, batch_size: int) -> tuple[int, ...] | None:
        """None: a likelihood is deterministic."""
        return None

    def calibrate(self, mean: Tensor, deviation: Tensor, task: int) -> None:
        """Keep mean and deviation (S,) of a task's observations."""
        self._standardisation.calibrate(mean, deviation, task)

    def constrain(self, task: Tensor) -> None:
        """Shorten the embeddings of the tasks (B,) to length 1, in place."""
        self._task_emb.shorten(task)

    def task_parameters(self) -> tuple[str, ...]:
        """Name of the embedding table."""
        return ("_task_emb.weight",)

    def latent_size(self) -> int:
        """Width L of a latent: S + M."""
        return self._seen + self._config.memory

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Uniform weights of +-1/sqrt(fan_in) and embeddings of +-0.02."""
        draw_linear_defaults(self, generator)
        nn.init.uniform_(self._task_emb.weight, -0.02, 0.02, generator=generator)

    def _moved(self, latent: Tensor, action: Tensor, task: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Mean of the next observation and `_std` of it, (..., S) each, and the memory (..., M) by then."""
        memory = self._remember(latent, action, task)
        seen = latent[..., : self._seen]
        moved, raw = self._step(self._joint(torch.cat([seen, memory], -1), action, task)).chunk(2, -1)
        return seen + moved, *self._std(raw), memory

    def _remember(self, latent: Tensor, action: Tensor, task: Tensor) -> Tensor:
        seen, memory = latent[..., : self._seen], latent[..., self._seen :]
        reset, update = self._gates(self._joint(latent, action, task)).sigmoid().chunk(2, -1)
        kept = torch.cat([seen, reset * memory], -1)
        candidate = self._candidate(self._joint(kept, action, task)).tanh()
        return update * memory + (1 - update) * candidate  # type: ignore[no-any-return]

    def _std(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """A standard deviation between the bounds, and the logarithm of how far above the lowest it is."""
        above = math.log(self._config.highest_std / self._config.lowest_std) * raw.sigmoid()
        return self._config.lowest_std * above.exp(), above

    def _joint(self, latent: Tensor, action: Tensor, task: Tensor) -> Tensor:
        return torch.cat([latent, self._task_emb(task, latent), action], -1)


def _surprise(value: Tensor, mean: Tensor, std: Tensor, log_above: Tensor) -> Tensor:
    """Negative log-likelihood of a value under a Gaussian, but for the constant that the lowest deviation gives."""
    return 0.5 * ((value - mean) / std).square() + log_above
