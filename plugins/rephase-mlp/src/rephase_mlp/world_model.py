"""The MLP world model of TD-MPC2, as PWM and the log use it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rephase.engine.networks import Standardisation, TaskEmbedding, draw_world_model, tower
from rephase.protocols import Integrator, Spaces
from rephase_mlp.offers import Encoder, MLPWorldModelConfig

__all__ = ["MLPWorldModel"]


class MLPWorldModel(nn.Module):
    """Encoder, latent dynamics and reward head, each an MLP that also sees the task's embedding.

    The dynamics network sees [latent, task, action], and so does the reward head. Where latents are standardised
    observations (`Encoder.STANDARDISED`), the dynamics network is linear at its end and gives the displacement of one
    step, as the velocity network of a flow model does.

    Args:
        config: Sizes and variants.
        spaces: Sizes of the task suite.
        integrator: None; this model takes none.

    Raises:
        ValueError: Latents are to be standardised observations but have another width.

    Source: Hansen, Su and Wang, "TD-MPC2: scalable, robust world models for continuous control", 2024;
    Georgiev et al., "PWM: policy learning with multi-task world models", 2025.
    """

    def __init__(self, config: MLPWorldModelConfig, spaces: Spaces, integrator: Integrator | None = None) -> None:
        super().__init__()
        latent, task, group = config.latent_size, config.task_size, config.simnorm
        joint = latent + task + spaces.action
        self._task_emb = TaskEmbedding(spaces.tasks, task)
        self._encoder: nn.Module
        if config.encoder is Encoder.STANDARDISED:
            if latent != spaces.observation:
                raise ValueError(
                    f"latent_size must be {spaces.observation}, the width of an observation, where encoder is "
                    f"{config.encoder.value!r}; found {latent}"
                )
            self._encoder = Standardisation(spaces.tasks, latent)
            self._dynamics = tower(joint, config.units, latent, None)
        else:
            self._encoder = tower(spaces.observation + task, config.encoder_units, latent, group)
            self._dynamics = tower(joint, config.units, latent, group)
        self._reward = tower(joint, config.units, config.bins, None)
        self._config = config

    def encode(self, observation: Tensor, task: Tensor) -> Tensor:
        """Map observations (..., B, S) of tasks (B,) to latents (..., B, L)."""
        if isinstance(self._encoder, Standardisation):
            return self._encoder(observation, task)  # type: ignore[no-any-return]
        return self._encoder(torch.cat([observation, self._task_emb(task, observation)], -1))  # type: ignore[no-any-return]

    def next(self, latent: Tensor, action: Tensor, task: Tensor) -> Tensor:
        """Latent (..., B, L) one agent step later."""
        moved = self._dynamics(self._joint(latent, action, task))
        return latent + moved if isinstance(self._encoder, Standardisation) else moved  # type: ignore[no-any-return]

    def reward(self, latent: Tensor, action: Tensor, task: Tensor) -> Tensor:
        """Reward logits (..., B, K)."""
        return self._reward(self._joint(latent, action, task))  # type: ignore[no-any-return]

    def reward_bins(self) -> Tensor:
        """Values (K,) of the bins, symlog units."""
        weight, config = self._task_emb.weight, self._config
        return torch.linspace(config.lowest, config.highest, config.bins, dtype=weight.dtype, device=weight.device)

    def transition_loss(
        self, latent: Tensor, target: Tensor, action: Tensor, task: Tensor, noise: Tensor | None
    ) -> Tensor:
        """Mean squared difference between the next latent and the target, a scalar; takes no noise."""
        return (self.next(latent, action, task) - target).square().mean()

    def transition_noise_shape(self, batch_size: int) -> tuple[int, ...] | None:
        """None: the loss is deterministic."""
        return None

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
        return self._config.latent_size

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw as TD-MPC2 does (`draw_world_model`); the last layer of the reward head begins at zero."""
        draw_world_model(self, generator)
        last = self._reward[-1]
        nn.init.zeros_(last.weight)  # type: ignore[arg-type]

    def _joint(self, latent: Tensor, action: Tensor, task: Tensor) -> Tensor:
        return torch.cat([latent, self._task_emb(task, latent), action], -1)
