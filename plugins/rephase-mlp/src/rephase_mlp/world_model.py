"""The MLP world model of TD-MPC2, as PWM and the log use it."""

from __future__ import annotations

import torch
from torch import Tensor

from rephase.engine.bases import TaskWorldModel
from rephase.engine.networks import Standardisation, tower
from rephase.protocols import Integrator, Spaces
from rephase_mlp.offers import Encoder, MLPWorldModelConfig

__all__ = ["MLPWorldModel"]


class MLPWorldModel(TaskWorldModel):
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
        super().__init__(config, spaces)
        latent = config.latent_size
        joint = latent + config.task_size + spaces.action
        last = None if config.encoder is Encoder.STANDARDISED else config.simnorm
        self._dynamics = tower(joint, config.units, latent, last)
        self._reward = tower(joint, config.units, config.bins, None)

    def next(self, latent: Tensor, action: Tensor, task: Tensor) -> Tensor:
        """Latent (..., B, L) one agent step later."""
        moved = self._dynamics(self._joint(latent, action, task))
        return latent + moved if isinstance(self._encoder, Standardisation) else moved  # type: ignore[no-any-return]

    def reward(self, latent: Tensor, action: Tensor, task: Tensor) -> Tensor:
        """Reward logits (..., B, K)."""
        return self._reward(self._joint(latent, action, task))  # type: ignore[no-any-return]

    def transition_loss(
        self, latent: Tensor, target: Tensor, action: Tensor, task: Tensor, noise: Tensor | None
    ) -> Tensor:
        """Mean squared difference between the next latent and the target, a scalar; takes no noise."""
        return (self.next(latent, action, task) - target).square().mean()

    def transition_noise_shape(self, batch_size: int) -> tuple[int, ...] | None:
        """None: the loss is deterministic."""
        return None

    def _joint(self, latent: Tensor, action: Tensor, task: Tensor) -> Tensor:
        return torch.cat([latent, self._task_emb(task, latent), action], -1)
