"""The flow world model: the next latent is the end point of an ordinary differential equation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rephase.engine import integrate
from rephase.engine.networks import Standardisation, TaskEmbedding, draw_world_model, tower
from rephase.protocols import Integrator, Spaces
from rephase_flow.offers import Encoder, FlowWorldModelConfig, TauDraw, VelocityHead, VelocityUnit

__all__ = ["FlowWorldModel"]


class FlowWorldModel(nn.Module):
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
        super().__init__()
        latent, task, group = config.latent_size, config.task_size, config.simnorm
        joint = latent + task + spaces.action
        last = group if config.velocity_head is VelocityHead.AS_LOGGED else None
        self._config = config
        self._integrator = integrator
        self._task_emb = TaskEmbedding(spaces.tasks, task)
        self._encoder: nn.Module
        if config.encoder is Encoder.STANDARDISED:
            if latent != spaces.observation:
                raise ValueError(
                    f"latent_size must be {spaces.observation}, the width of an observation, where encoder is "
                    f"{config.encoder.value!r}; found {latent}"
                )
            self._encoder = Standardisation(spaces.tasks, latent)
        else:
            self._encoder = tower(spaces.observation + task, config.encoder_units, latent, group)
        seen = joint + 2 * latent if config.angles else joint
        self._velocity = tower(seen + 1, config.units, latent, last)
        self._reward = tower(seen, config.units, config.bins, None)
        by_displacement = config.velocity_unit is VelocityUnit.DISPLACEMENT
        # None is in no state: a model without units of its own is kept as it always was.
        self.register_buffer("_unit", torch.ones(spaces.tasks, latent) if by_displacement else None)

    def encode(self, observation: Tensor, task: Tensor) -> Tensor:
        """Map observations (..., B, S) of tasks (B,) to latents (..., B, L)."""
        if isinstance(self._encoder, Standardisation):
            return self._encoder(observation, task)  # type: ignore[no-any-return]
        return self._encoder(torch.cat([observation, self._task_emb(task, observation)], -1))  # type: ignore[no-any-return]

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

    def reward_bins(self) -> Tensor:
        """Values (K,) of the bins, symlog units."""
        weight, config = self._task_emb.weight, self._config
        return torch.linspace(config.lowest, config.highest, config.bins, dtype=weight.dtype, device=weight.device)

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

    def calibrate(self, mean: Tensor, deviation: Tensor, task: int) -> None:
        """Keep mean and deviation (S,) of a task's observations, if it is them that latents are made by."""
        if isinstance(self._encoder, Standardisation):
            self._encoder.calibrate(mean, deviation, task)

    def calibrate_steps(self, deviation: Tensor, task: int) -> None:
        """Keep the deviation (S,) of a task's changes in one agent step, if it is it that velocities are counted in."""
        if self._unit is not None:
            assert isinstance(self._encoder, Standardisation)
            self._unit[task] = deviation / self._encoder.deviation[task]

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

    def _seen(self, latent: Tensor, task: Tensor) -> tuple[Tensor, ...]:
        """What the networks see of a latent (..., B, L): itself, and sine and cosine of the observation it is."""
        if not self._config.angles:
            return (latent,)
        assert isinstance(self._encoder, Standardisation)
        observation = self._encoder.undone(latent, task)
        return latent, observation.sin(), observation.cos()
