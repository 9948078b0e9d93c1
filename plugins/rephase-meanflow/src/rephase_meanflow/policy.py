"""The one-step mean-flow policy."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rephase.engine.networks import draw_linear_defaults, head
from rephase.protocols import Integrator
from rephase_meanflow.offers import MeanFlowConfig

__all__ = ["MeanFlowPolicy"]


class MeanFlowPolicy(nn.Module):
    """Start from scaled noise (or zero) and add the average velocity of the whole way: x(1) = x(0) + u(latent, x(0)).

    Args:
        config: Widths and noise.
        latent_size: Width L of a latent.
        action_size: Width A of an action.
        integrator: None; one step needs no method.

    Source: Geng et al., "Mean flows for one-step generative modeling", 2025, for the average velocity.
    """

    def __init__(
        self, config: MeanFlowConfig, latent_size: int, action_size: int, integrator: Integrator | None = None
    ) -> None:
        super().__init__()
        self._config = config
        self.average_velocity = head(latent_size + action_size, config.units, action_size)
        self.init_logstd = nn.Parameter(torch.full((action_size,), config.initial_log_std))

    def act(self, latent: Tensor, noise: Tensor) -> Tensor:
        """Step from scaled noise: actions before squashing (B, A) for latents (B, L) and noise (B, A)."""
        return self._step(latent, noise * self.init_logstd.exp())

    def mean(self, latent: Tensor) -> Tensor:
        """Step from zero: the deterministic action before squashing, (B, A)."""
        return self._step(latent, latent.new_zeros(*latent.shape[:-1], self.init_logstd.shape[0]))

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

    def _step(self, latent: Tensor, start: Tensor) -> Tensor:
        return start + self.average_velocity(torch.cat([latent, start], -1))  # type: ignore[no-any-return]
