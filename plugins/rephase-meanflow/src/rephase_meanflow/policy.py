"""The one-step mean-flow policy."""

from __future__ import annotations

import torch
from torch import Tensor

from rephase.engine.bases import NoisyStart
from rephase.engine.networks import head
from rephase.protocols import Integrator
from rephase_meanflow.offers import MeanFlowConfig

__all__ = ["MeanFlowPolicy"]


class MeanFlowPolicy(NoisyStart):
    """Start from scaled noise (or zero) and add the average velocity of the whole way: x(1) = x(0) + u(latent, x(0)).

    Args:
        config: Widths and noise.
        latent_size: Width L of a latent.
        action_size: Width A of an action.
        integrator: None; one step needs no method.

    Source: Geng et al., "Mean flows for one-step generative modeling", 2025, for the average velocity.
    """

    of_copies = ("act", "mean")

    def __init__(
        self, config: MeanFlowConfig, latent_size: int, action_size: int, integrator: Integrator | None = None
    ) -> None:
        super().__init__(config, action_size)
        self.average_velocity = head(latent_size + action_size, config.units, action_size)

    def carry(self, latent: Tensor, start: Tensor) -> Tensor:
        """One step from ``start`` (B, A): actions before squashing (B, A) for latents (B, L)."""
        return start + self.average_velocity(torch.cat([latent, start], -1))  # type: ignore[no-any-return]
