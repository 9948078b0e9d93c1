"""The flow world model: the next latent is the end point of an ordinary differential equation."""

from __future__ import annotations

import torch
from torch import Tensor

from rephase.engine import integrate
from rephase.engine.bases import TaskWorldModel
from rephase.engine.networks import Standardisation, tower
from rephase.protocols import Integrator, Spaces
from rephase_flow.offers import FlowWorldModelConfig, TauDraw, VelocityHead, VelocityUnit

__all__ = ["FlowWorldModel"]


class FlowWorldModel(TaskWorldModel):
    """Encoder, velocity of the latent, and reward head, each an MLP that also sees the task's embedding.

    The encoder may also be no network at all but a scale for each entry (`Encoder.STANDARDISED`).

    The velocity network sees [latent, action, tau, task] and the reward head [latent, action, task]: another order
    than the MLP model's, so the two models' heads are not interchangeable. The integrated latent is not normalised
    again.

    Args:
        config: Sizes and variants.
        spaces: Sizes of the task suite.
        integrator: The method that takes the substeps.

    Raises:
        ValueError: Latents are to be standardised observations but have another width.

    Source: Lipman et al., "Flow matching for generative modeling", 2023, for the loss; Hansen, Su and Wang, "TD-MPC2:
    scalable, robust world models for continuous control", 2024, for everything around it.
    """

    _unit: Tensor | None

    def __init__(self, config: FlowWorldModelConfig, spaces: Spaces, integrator: Integrator) -> None:
        super().__init__(config, spaces)
        latent = config.latent_size
        joint = latent + config.task_size + spaces.action
        last = config.simnorm if config.velocity_head is VelocityHead.AS_LOGGED else None
        self._config = config
        self._integrator = integrator
        seen = joint + 2 * latent if config.angles else joint
        self._velocity = tower(seen + 1, config.units, latent, last)
        self._reward = tower(seen, config.units, config.bins, None)
        by_displacement = config.velocity_unit is VelocityUnit.DISPLACEMENT
        # None is in no state: a model without units of its own is kept as it always was.
        self.register_buffer("_unit", torch.ones(spaces.tasks, latent) if by_displacement else None)

    def velocity(self, latent: Tensor, action: Tensor, tau: Tensor | float, task: Tensor) -> Tensor:
        """Velocity (..., B, L) of the latent at pseudo-time ``tau``, a number or (..., B, 1)."""
        if not isinstance(tau, Tensor):
            tau = torch.full_like(latent[..., :1], tau)
        velocity: Tensor = self._velocity(
            torch.cat([*self._seen(latent, task), action, tau, self._task_emb(task, latent)], -1)
        )
        return velocity if self._unit is None else velocity * self._unit[task]

    def next(self, latent: Tensor, action: Tensor, task: Tensor) -> Tensor:
        """Latent (..., B, L) one agent step later: the velocity followed over tau in [0, 1]."""
        return integrate(
            self._integrator, lambda x, tau: self.velocity(x, action, tau, task), latent, self._config.substeps
        )

    def reward(self, latent: Tensor, action: Tensor, task: Tensor) -> Tensor:
        """Reward logits (..., B, K)."""
        return self._reward(torch.cat([*self._seen(latent, task), action, self._task_emb(task, latent)], -1))  # type: ignore[no-any-return]

    def transition_loss(
        self, latent: Tensor, target: Tensor, action: Tensor, task: Tensor, noise: Tensor | None
    ) -> Tensor:
        """Flow-matching loss on the straight path from latent to target, a scalar.

        Args:
            latent: Start of the path, (B, L).
            target: End of the path, (B, L).
            action: (B, A).
            task: (B,).
            noise: Uniform draws the places tau on the path are made of, (B, 1); None looks at the midpoint.

        Returns:
            Mean squared difference between the velocity on the path and the displacement, in the velocity's unit.
        """
        tau = torch.full_like(latent[..., :1], 0.5) if noise is None else noise
        if self._config.tau is TauDraw.EARLY:
            tau = tau**3
        between = (1 - tau) * latent + tau * target
        error = self.velocity(between, action, tau, task) - (target - latent)
        return (error if self._unit is None else error / self._unit[task]).square().mean()

    def transition_noise_shape(self, batch_size: int) -> tuple[int, ...] | None:
        """(B, 1) where tau is drawn, None where it is the midpoint."""
        return None if self._config.tau is TauDraw.MIDPOINT else (batch_size, 1)

    def calibrate_steps(self, deviation: Tensor, task: int) -> None:
        """Keep the deviation (S,) of a task's changes in one agent step, if it is it that velocities are counted in."""
        if self._unit is not None:
            assert isinstance(self._encoder, Standardisation)
            self._unit[task] = deviation / self._encoder.deviation[task]

    def _seen(self, latent: Tensor, task: Tensor) -> tuple[Tensor, ...]:
        """What the networks see of a latent (..., B, L): itself, and sine and cosine of the observation it is."""
        if not self._config.angles:
            return (latent,)
        assert isinstance(self._encoder, Standardisation)
        observation = self._encoder.undone(latent, task)
        return latent, observation.sin(), observation.cos()
