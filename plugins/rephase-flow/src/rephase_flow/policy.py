"""The flow-ODE policy: an action is the end point of an ordinary differential equation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rephase.engine import integrate
from rephase.engine.networks import draw_linear_defaults, head
from rephase.protocols import Integrator
from rephase_flow.offers import FlowPolicyConfig

__all__ = ["FlowPolicy"]


class FlowPolicy(nn.Module):
    """Start from scaled noise (or zero) and follow dx/dtau = h([latent, x, tau]) over tau in [0, 1].

    Args:
        config: Widths, substeps and noise.
        latent_size: Width L of a latent.
        action_size: Width A of an action.
        integrator: The method that takes the substeps.

    Source: Lipman et al., "Flow matching for generative modeling", 2023, for the velocity field; here it is trained by
    the return's gradient through the substeps, not by matching a flow.
    """

    def __init__(self, config: FlowPolicyConfig, latent_size: int, action_size: int, integrator: Integrator) -> None:
        super().__init__()
        self._config = config
        self._integrator = integrator
        self.velocity_net = head(latent_size + action_size + 1, config.units, action_size)
        self.init_logstd = nn.Parameter(torch.full((action_size,), config.initial_log_std))

    def act(self, latent: Tensor, noise: Tensor) -> Tensor:
        """Flow from scaled noise: actions before squashing (B, A) for latents (B, L) and noise (B, A)."""
        return self._flow(latent, noise * self.init_logstd.exp())

    def mean(self, latent: Tensor) -> Tensor:
        """Flow from zero: the deterministic action before squashing, (B, A)."""
        return self._flow(latent, latent.new_zeros(*latent.shape[:-1], self.init_logstd.shape[0]))

    def velocity(self, latent: Tensor, x: Tensor, tau: float | Tensor) -> Tensor:
        """Velocity (B, A) at points ``x`` (B, A) and pseudo-time ``tau``, a number or (B, 1), given latents (B, L)."""
        column = tau if isinstance(tau, Tensor) else torch.full_like(x[..., :1], tau)
        return self.velocity_net(torch.cat([latent, x, column], -1))  # type: ignore[no-any-return]

    def noise_shape(self, batch_size: int) -> tuple[int, ...]:
        """(B, A)."""
        return (batch_size, self.init_logstd.shape[0])

    def spread(self) -> Tensor:
        """Mean standard deviation of the start point, floor applied, a scalar."""
        return self.init_logstd.clamp(min=self._config.lowest_log_std).exp().mean()

    @torch.no_grad()
    def constrain(self) -> None:
        """Raise the log standard deviation to its floor, in place."""
        self.init_logstd.clamp_(min=self._config.lowest_log_std)

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Uniform weights of +-1/sqrt(fan_in), and the initial noise."""
        draw_linear_defaults(self, generator)
        self.init_logstd.fill_(self._config.initial_log_std)

    def _flow(self, latent: Tensor, start: Tensor) -> Tensor:
        return integrate(self._integrator, lambda x, tau: self.velocity(latent, x, tau), start, self._config.substeps)
