"""A flow-ODE policy with a loss of its own: its flow is matched to actions that the return's gradient improved."""

from __future__ import annotations

from torch import Tensor

from rephase.protocols import Integrator
from rephase_flow.offers import MatchedFlowPolicyConfig
from rephase_flow.policy import FlowPolicy

__all__ = ["MatchedFlowPolicy"]


class MatchedFlowPolicy(FlowPolicy):
    """The flow-ODE policy, trained by the return through its substeps and by flow matching beside it.

    Every imagined action is moved a small step along the gradient of the return. The velocity is fitted to the straight
    path from the action's own start to where it came: a flow that is straight needs few substeps.

    Args:
        config: The flow-ODE policy's settings, the weight of the matching and the length of the step.
        latent_size: Width L of a latent.
        action_size: Width A of an action.
        integrator: The method that takes the substeps.

    Source: Lipman et al., "Flow matching for generative modeling", 2023, for the loss; Liu, Gong and Liu, "Flow
    straight and fast", 2023, for pairing each start with its own end; Yang et al., "Policy representation via diffusion
    probability model for reinforcement learning", 2023, for goals improved by a gradient.
    """

    def __init__(
        self, config: MatchedFlowPolicyConfig, latent_size: int, action_size: int, integrator: Integrator
    ) -> None:
        super().__init__(config, latent_size, action_size, integrator)
        self._matching = config.matching
        self._improvement = config.improvement

    def own_loss(self, latent: Tensor, noise: Tensor, action: Tensor, gradient: Tensor, draws: Tensor | None) -> Tensor:
        """Weighted flow-matching loss, a scalar, at the places ``draws`` (N, 1) of the paths; see the protocol."""
        assert draws is not None
        start = noise * self.init_logstd.detach().exp()
        length = gradient.norm(dim=-1, keepdim=True)
        goal = action - gradient * (self._improvement / length.clamp(min=1.0))
        between = (1 - draws) * start + draws * goal
        error = self.velocity(latent, between, draws) - (goal - start)
        loss: Tensor = error.square().mean() * self._matching
        return loss

    def own_loss_draws(self, batch_size: int) -> tuple[int, ...] | None:
        """(N, 1): one place on the path for each row."""
        return (batch_size, 1)
