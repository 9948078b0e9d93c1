"""Roll-outs of policies inside a world model, and the losses made from them.

Source: Georgiev et al., "PWM: policy learning with multi-task world models", 2025, for the first-order gradient through
the roll-out; Sutton and Barto, "Reinforcement learning: an introduction", 2018, chapter 12, for the lambda-return.
"""

from __future__ import annotations

import torch
from attrs import frozen
from torch import Tensor

from rephase.engine.critic import CriticEnsembles
from rephase.engine.decoding import RewardDecoder
from rephase.engine.parts import SharedPart, StackedPart
from rephase.engine.precision import in_full
from rephase.engine.rewards import discounts
from rephase.manifest.algorithm import Algorithm, Variant

__all__ = ["Imagination", "critic_targets", "imagine", "lambda_targets", "policy_loss", "return_exponent"]

_LARGEST_PASS = 1_000_000
"""Most entries of latents in one pass of a CPU: beyond, what a layer leaves behind no longer stays in the cache."""


@frozen(eq=False, kw_only=True)
class Imagination:
    """What H imagined steps of R runs from B start states each went through.

    Args:
        latents: z_0 to z_H, (H+1, R, B, L).
        actions: a_0 to a_{H-1} after squashing (and masking, where corrected), (H, R, B, A).
        rewards: Expected rewards in symlog units, (H, R, B).
        last_value: Ensemble value of z_H with its gradient, (R, B).
        next_values: Ensemble values of z_1 to z_H without gradient, (H, R, B).
        unsquashed: What the policies returned, before squashing, H times (R, B, A).
    """

    latents: Tensor
    actions: Tensor
    rewards: Tensor
    last_value: Tensor
    next_values: Tensor
    unsquashed: tuple[Tensor, ...]


def imagine(
    world_model: SharedPart | StackedPart,
    policy: StackedPart,
    critics: CriticEnsembles,
    rewards: RewardDecoder,
    observation: Tensor,
    task: Tensor,
    noise: Tensor,
    action_mask: Tensor | None = None,
    detach_policy_input: bool = True,
    model_noise: Tensor | None = None,
    offset: Tensor | None = None,
) -> Imagination:
    """Let the policies act in the world model for H steps.

    The gradient flows through the whole chain of latents; ``detach_policy_input`` only cuts the latents at the
    policies' inputs. Rewards and values of all steps are computed after the roll-out: values in one pass, rewards in as
    few as pay.

    Args:
        world_model: The runs' world models.
        policy: The runs' policies.
        critics: The runs' critics.
        rewards: What reads the world models' reward heads.
        observation: Start observations, (R, B, S).
        task: Task indices, (R, B).
        noise: Standard normal draws, (H, R, ...) with the policy's own noise shape behind.
        action_mask: 1 where an action entry belongs to the task and 0 where it is padding, (R, B, A); None for none.
        detach_policy_input: Whether policies see latents without their history.
        model_noise: Standard normal draws for world models whose steps are drawn, (H, R, ...); None for all others.
        offset: What is added to the policies' actions before squashing, (H, R, B, A): zeros whose gradient somebody
            wants to know; None for nothing.

    Returns:
        The roll-out.
    """
    latent = world_model.call("encode", observation, task)
    latents, actions, unsquashed = [latent], [], []
    for step, step_noise in enumerate(noise.unbind(0)):
        seen = latent.detach() if detach_policy_input else latent
        returned = policy.call("act", seen, step_noise)
        if offset is not None:
            returned = returned + offset[step]
        unsquashed.append(returned)
        action = returned.tanh()
        if action_mask is not None:
            action = action * action_mask
        if model_noise is None:
            latent = world_model.call("next", latent, action, task)
        else:
            latent = world_model.call("sample", latent, action, task, model_noise[step])
        latents.append(latent)
        actions.append(action)
    chain, done = torch.stack(latents), torch.stack(actions)
    steps = _steps_of_a_pass(latent, len(actions))
    passes = [
        world_model.call_over_time("reward", states, acted, task=task)
        for states, acted in zip(torch.split(chain[:-1], steps), torch.split(done, steps), strict=True)
    ]
    said = passes[0] if len(passes) == 1 else torch.cat(passes)
    last_value = critics.value(latent, fixed=True)
    with torch.no_grad():
        # One pass over (R, (H-1) B): the last step's value is known already.
        earlier = chain[1:-1].transpose(0, 1)
        values = critics.value(earlier.flatten(1, 2)).reshape(earlier.shape[:3]).transpose(0, 1)
        next_values = torch.cat([values, last_value.detach().unsqueeze(0)])
    return Imagination(
        latents=chain,
        actions=done,
        rewards=rewards.decode_over_time(said),
        last_value=last_value,
        next_values=next_values,
        unsquashed=tuple(unsquashed),
    )


def _steps_of_a_pass(latent: Tensor, horizon: int) -> int:
    """How many steps' rewards are computed together: all on a GPU, on a CPU as many as its cache takes in."""
    if latent.device.type != "cpu":
        return horizon
    return min(horizon, max(1, _LARGEST_PASS // latent.numel()))


def return_exponent(algorithm: Algorithm, horizon: int) -> int:
    """Power of gamma the last value is discounted by: H, or H+1 as the log's code had it."""
    return horizon if algorithm.variants.bootstrap is Variant.CORRECTED else horizon + 1


def policy_loss(imagination: Imagination, algorithm: Algorithm) -> Tensor:
    """Negative discounted return of each start state, (R, B), before any normalisation."""
    horizon = imagination.rewards.shape[0]
    weights = discounts(algorithm.gamma, horizon, imagination.rewards)
    bootstrap = algorithm.gamma ** return_exponent(algorithm, horizon) * imagination.last_value
    with in_full(weights):
        return -torch.einsum("h,hrb->rb", weights, imagination.rewards) - bootstrap


@torch.no_grad()
def lambda_targets(rewards: Tensor, next_values: Tensor, done: Tensor, gamma: float, lam: float) -> Tensor:
    """TD(lambda) targets of a roll-out, by the log's recursion with its done mask.

    Args:
        rewards: r_0 to r_{H-1}, (H, ...).
        next_values: Values of the states after each step, (H, ...).
        done: 1 where the roll-out is cut after the step, (H, ...). All ones gives one-step targets; ones in the last
            row only give the lambda-return.
        gamma: Discount.
        lam: Mixing factor, below 1.

    Returns:
        Targets, (H, ...).
    """
    targets = torch.empty_like(rewards)
    accumulated = torch.zeros_like(rewards[0])
    carried = torch.zeros_like(rewards[0])
    weight = torch.ones_like(rewards[0])
    for index in reversed(range(rewards.shape[0])):
        reward, value, cut = rewards[index], next_values[index], done[index]
        weight = weight * lam * (1 - cut) + cut
        accumulated = (1 - cut) * (lam * gamma * accumulated + gamma * value + (1 - weight) / (1 - lam) * reward)
        carried = gamma * (value * cut + carried * (1 - cut)) + reward
        targets[index] = (1 - lam) * accumulated + weight * carried
    return targets


def critic_targets(imagination: Imagination, algorithm: Algorithm) -> Tensor:
    """What the critics are fitted to, (H, R, B): one-step targets as logged, lambda-returns as corrected."""
    rewards, values = imagination.rewards.detach(), imagination.next_values
    if algorithm.variants.td_targets is Variant.AS_LOGGED:
        return rewards + algorithm.gamma * values
    done = torch.zeros_like(rewards)
    done[-1] = 1
    return lambda_targets(rewards, values, done, algorithm.gamma, algorithm.lam)
