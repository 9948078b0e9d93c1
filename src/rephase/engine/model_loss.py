"""The loss a world model is trained by, over slices of real episodes.

Source: Hansen, Su and Wang, "TD-MPC2: scalable, robust world models for continuous control", 2024, section 3.1: latent
consistency and reward, later steps discounted.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from attrs import frozen
from torch import Tensor

from rephase.engine.rewards import discounts, soft_cross_entropy
from rephase.manifest.algorithm import Algorithm, Variant
from rephase.protocols import OwnRewards, Recurrent, Stochastic, TwoHotRewards, WorldModel

__all__ = ["ModelLoss", "world_model_loss"]


@frozen(eq=False)
class ModelLoss:
    """World-model loss of one batch of slices.

    Args:
        total: What is minimised, a scalar.
        dynamics: Its unweighted transition part, a scalar.
        reward: Its unweighted reward part, a scalar.
    """

    total: Tensor
    dynamics: Tensor
    reward: Tensor


def world_model_loss(
    world_model: WorldModel,
    observation: Tensor,
    action: Tensor,
    reward: Tensor,
    task: Tensor,
    noise: Tensor | None,
    algorithm: Algorithm,
    action_mask: Tensor | None = None,
) -> ModelLoss:
    """Consistency and reward loss over H steps; later steps count gamma^i.

    Latents follow the model from the first observation on. Of a model whose steps are drawn they are those of what was
    observed, each step on its own: a likelihood along its own draws would take their errors for spread.

    Args:
        world_model: The model of one run.
        observation: (H+1, B, S).
        action: (H, B, A).
        reward: Plain rewards, (H, B).
        task: Task indices, (B,).
        noise: The transition losses' noise, (H, ...); None where the model wants none.
        algorithm: Discount, weights and variants.
        action_mask: 1 where an action entry belongs to the task, (B, A); None for none.

    Returns:
        Total and parts, each divided by H.
    """
    horizon = action.shape[0]
    if action_mask is not None:
        action = action * action_mask
    seen = _seen(world_model, observation, action, task)
    latents: list[Tensor] = []
    dynamics = seen[1].new_zeros(())
    for index in range(horizon):
        if index == 0 or isinstance(world_model, Stochastic):
            latent = seen[index]
        else:
            latent = world_model.next(latent, action[index - 1], task)
        latents.append(latent)
        step_noise = None if noise is None else noise[index]
        loss = world_model.transition_loss(latent, seen[index + 1].detach(), action[index], task, step_noise)
        dynamics = dynamics + algorithm.gamma**index * loss
    said = world_model.reward(torch.stack(latents), action, task)
    weights = discounts(algorithm.gamma, horizon, reward)
    if isinstance(world_model, OwnRewards):
        reward_loss = (weights * world_model.reward_loss(said, reward).mean(1)).sum()
    elif algorithm.variants.reward_loss is Variant.AS_LOGGED:
        # Every logit is regressed onto the scalar reward, and the mean is over steps too.
        errors = (said - reward.unsqueeze(-1)).square().mean((1, 2))
        reward_loss = (weights * errors).mean()
    else:
        assert isinstance(world_model, TwoHotRewards)
        errors = soft_cross_entropy(said, reward, world_model.reward_bins()).mean(1)
        reward_loss = (weights * errors).sum()
    dynamics, reward_loss = dynamics / horizon, reward_loss / horizon
    total = algorithm.dynamics_weight * dynamics + algorithm.reward_weight * reward_loss
    return ModelLoss(total, dynamics, reward_loss)


def _seen(world_model: WorldModel, observation: Tensor, action: Tensor, task: Tensor) -> Sequence[Tensor]:
    """What the model makes of each observation (H+1, B, S): (B, L) each, with a gradient where steps start from it."""
    first = world_model.encode(observation[0], task)
    with torch.set_grad_enabled(isinstance(world_model, Stochastic) and torch.is_grad_enabled()):
        if not isinstance(world_model, Recurrent):
            return [first, *world_model.encode(observation[1:], task)]
        latents = [first]
        for done, came in zip(action, observation[1:], strict=True):
            latents.append(world_model.observe(latents[-1], done, came, task))
    return latents
