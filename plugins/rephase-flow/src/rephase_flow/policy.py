"""The flow-ODE policy: an action is the end point of an ordinary differential equation."""

from __future__ import annotations

import torch
from torch import Tensor

from rephase.engine import integrate
from rephase.engine.bases import NoisyStart
from rephase.engine.networks import head
from rephase.protocols import Integrator
from rephase_flow.offers import FlowPolicyConfig

__all__ = ["FlowPolicy"]


class FlowPolicy(NoisyStart):
    """Start from scaled noise (or zero) and follow dx/dtau = h([latent, x, tau]) over tau in [0, 1].

    Args:
        config: Widths, substeps and noise.
        latent_size: Width L of a latent.
        action_size: Width A of an action.
        integrator: The method that takes the substeps.

    Source: Lipman et al., "Flow matching for generative modeling", 2023, for the velocity field; here it is trained by
    the return's gradient through the substeps, not by matching a flow.
    """

    of_copies = ("act", "mean")

    def __init__(self, config: FlowPolicyConfig, latent_size: int, action_size: int, integrator: Integrator) -> None:
        super().__init__(config, action_size)
        self._config = config
        self._integrator = integrator
        self.velocity_net = head(latent_size + action_size + 1, config.units, action_size)

    def velocity(self, latent: Tensor, x: Tensor, tau: float | Tensor) -> Tensor:
        """Velocity (B, A) at points ``x`` (B, A) and pseudo-time ``tau``, a number or (B, 1), given latents (B, L)."""
        column = tau if isinstance(tau, Tensor) else torch.full_like(x[..., :1], tau)
        return self.velocity_net(torch.cat([latent, x, column], -1))  # type: ignore[no-any-return]

    def carry(self, latent: Tensor, start: Tensor) -> Tensor:
        """Follow the velocity from ``start`` (B, A): actions before squashing (B, A) for latents (B, L)."""
        return integrate(self._integrator, lambda x, tau: self.velocity(latent, x, tau), start, self._config.substeps)
