"""The Gaussian MLP policy of the PWM baseline."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rephase.engine.networks import draw_linear_defaults, head
from rephase.protocols import Integrator
from rephase_mlp.offers import GaussianPolicyConfig

__all__ = ["GaussianPolicy"]


class GaussianPolicy(nn.Module):
    """An MLP for the mean and one learned log standard deviation for each action entry.

    Args:
        config: Widths and noise.
        latent_size: Width L of a latent.
        action_size: Width A of an action.
        integrator: None; this policy takes none.
    """

    of_copies = ("act", "mean")

    def __init__(
        self, config: GaussianPolicyConfig, latent_size: int, action_size: int, integrator: Integrator | None = None
    ) -> None:
        super().__init__()
        self._config = config
        self.mu_net = head(latent_size, config.units, action_size)
        self.logstd = nn.Parameter(torch.full((action_size,), config.initial_log_std))

    def act(self, latent: Tensor, noise: Tensor) -> Tensor:
        """Mean plus scaled noise: actions before squashing (B, A) for latents (B, L) and noise (B, A)."""
        return self.mean(latent) + noise * self.logstd.exp().unsqueeze(-2)

    def mean(self, latent: Tensor) -> Tensor:
        """The deterministic action before squashing, (B, A)."""
        return self.mu_net(latent)  # type: ignore[no-any-return]

    def noise_shape(self, batch_size: int) -> tuple[int, ...]:
        """(B, A)."""
        return (batch_size, self.logstd.shape[0])

    def spread(self) -> Tensor:
        """Mean standard deviation of the noise as stored, a scalar; possibly below the floor until the next use."""
        return self.logstd.exp().mean()

    @torch.no_grad()
    def constrain(self) -> None:
        """Raise the log standard deviation to its floor, in place."""
        self.logstd.clamp_(min=self._config.lowest_log_std)

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Uniform weights of +-1/sqrt(fan_in), and the initial noise."""
        draw_linear_defaults(self, generator)
        self.logstd.fill_(self._config.initial_log_std)
