from __future__ import annotations

import pytest
import torch
from attrs import evolve

from rephase.engine.critic import CriticEnsembles
from rephase.engine.decoding import RewardDecoder
from rephase.engine.imagination import (
    Imagination,
    critic_targets,
    imagine,
    lambda_targets,
    policy_loss,
    return_exponent,
)
from rephase.engine.parts import SharedPart, StackedPart
from rephase.engine.rewards import expectation
from rephase.manifest.algorithm import Variant, Variants


def forward_lambda_return(rewards, values, gamma, lam):
    """The textbook's mixture of n-step returns, by summing every one of them."""
    horizon = rewards.shape[0]
    targets = torch.zeros_like(rewards)
    for start in range(horizon):
        left = horizon - start
        returns = [
            sum(gamma**k * rewards[start + k] for k in range(n)) + gamma**n * values[start + n - 1]
            for n in range(1, left + 1)
        ]
        mixed = sum((1 - lam) * lam ** (n - 1) * returns[n - 1] for n in range(1, left))
        targets[start] = mixed + lam ** (left - 1) * returns[-1]
    return targets


@pytest.fixture
def rollout():
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    return Imagination(
        latents=draw(6, 2, 3, 8),
        actions=draw(5, 2, 3, 3),
        rewards=draw(5, 2, 3),
        last_value=draw(2, 3),
        next_values=draw(5, 2, 3),
        unsquashed=(),
    )


@pytest.mark.parametrize("lam", [0.0, 0.5, 0.95])
def test_a_mask_on_the_last_step_gives_the_lambda_return(lam):
    rewards, values = torch.randn(6, 4, dtype=torch.float64), torch.randn(6, 4, dtype=torch.float64)
    done = torch.zeros_like(rewards)
    done[-1] = 1
    found = lambda_targets(rewards, values, done, 0.9, lam)
    torch.testing.assert_close(found, forward_lambda_return(rewards, values, 0.9, lam), rtol=1e-12, atol=1e-12)


def test_a_mask_of_ones_gives_one_step_targets():
    rewards, values = torch.randn(6, 4, dtype=torch.float64), torch.randn(6, 4, dtype=torch.float64)
    found = lambda_targets(rewards, values, torch.ones_like(rewards), 0.9, 0.95)
    torch.testing.assert_close(found, rewards + 0.9 * values, rtol=1e-13, atol=1e-13)


def test_a_cut_in_the_middle_ends_the_return_there():
    rewards, values = torch.randn(5, 1, dtype=torch.float64), torch.randn(5, 1, dtype=torch.float64)
    done = torch.zeros_like(rewards)
    done[2] = done[4] = 1
    found = lambda_targets(rewards, values, done, 0.9, 0.8)
    first = forward_lambda_return(rewards[:3], values[:3], 0.9, 0.8)
    second = forward_lambda_return(rewards[3:], values[3:], 0.9, 0.8)
    torch.testing.assert_close(found, torch.cat([first, second]), rtol=1e-12, atol=1e-12)


def test_targets_as_logged_are_one_step_and_corrected_are_lambda_returns(rollout, algorithm):
    logged = critic_targets(rollout, algorithm)
    torch.testing.assert_close(logged, rollout.rewards + algorithm.gamma * rollout.next_values)
    corrected = evolve(algorithm, variants=Variants(td_targets=Variant.CORRECTED))
    wanted = forward_lambda_return(rollout.rewards, rollout.next_values, corrected.gamma, corrected.lam)
    torch.testing.assert_close(critic_targets(rollout, corrected), wanted, rtol=1e-12, atol=1e-12)
    assert (wanted - logged).abs().max() > 0.1


def test_the_last_value_is_discounted_by_one_step_too_many_as_logged(algorithm):
    assert return_exponent(algorithm, 5) == 6
    assert return_exponent(evolve(algorithm, variants=Variants(bootstrap=Variant.CORRECTED)), 5) == 5


@pytest.mark.parametrize(("variant", "power"), [(Variant.AS_LOGGED, 6), (Variant.CORRECTED, 5)])
def test_policy_loss_is_the_negative_discounted_return(rollout, algorithm, variant, power):
    algorithm = evolve(algorithm, gamma=0.9, variants=Variants(bootstrap=variant))
    wanted = -sum(0.9**i * rollout.rewards[i] for i in range(5)) - 0.9**power * rollout.last_value
    torch.testing.assert_close(policy_loss(rollout, algorithm), wanted, rtol=1e-12, atol=1e-12)


@pytest.fixture
def parts(build_model, build_policy):
    """World model, two policies and critics, all in float64."""
    policies = [build_policy("gaussian", seed, torch.float64) for seed in range(2)]
    critics = CriticEnsembles(2, 8, (6,), 3, torch.float64)
    generator = torch.Generator().manual_seed(5)
    for parameter in critics.parameters().values():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator))
    return build_model("mlp", dtype=torch.float64), policies, critics


def inputs(horizon, batch=4):
    generator = torch.Generator().manual_seed(1)
    observation = torch.randn(2, batch, 5, generator=generator, dtype=torch.float64)
    task = torch.tensor([[0, 1, 2, 1], [2, 2, 0, 1]])[:, :batch]
    return observation, task, torch.randn(horizon, 2, batch, 3, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(("horizon", "batch"), [(1, 4), (3, 4), (5, 1)])
@pytest.mark.parametrize("entries", [1_000_000, 128, 1], ids=["one pass", "some steps a pass", "a pass a step"])
def test_imagination_is_the_plain_loop(parts, horizon, batch, entries, monkeypatch):
    monkeypatch.setattr("rephase.engine.imagination._LARGEST_PASS", entries)
    model, policies, critics = parts
    observation, task, noise = inputs(horizon, batch)
    shared = SharedPart(model, 2)
    found = imagine(shared, StackedPart(policies), critics, RewardDecoder(shared), observation, task, noise)
    for run, policy in enumerate(policies):
        latent = model.encode(observation[run], task[run])
        for step in range(horizon):
            action = policy.act(latent, noise[step, run]).tanh()
            reward = expectation(model.reward(latent, action, task[run]), model.reward_bins())
            latent = model.next(latent, action, task[run])
            value = critics.values(latent.expand(2, -1, -1))[run].min(0).values
            torch.testing.assert_close(found.actions[step, run], action)
            torch.testing.assert_close(found.rewards[step, run], reward)
            torch.testing.assert_close(found.latents[step + 1, run], latent)
            torch.testing.assert_close(found.next_values[step, run], value)
        torch.testing.assert_close(found.last_value[run], value)
    assert found.last_value.requires_grad
    assert not found.next_values.requires_grad


def test_detaching_cuts_the_policies_inputs_only(parts):
    model, policies, critics = parts
    observation, task, noise = inputs(3)
    part = StackedPart(policies)

    def gradient(horizon, detach):
        found = imagine(
            SharedPart(model, 2),
            part,
            critics,
            RewardDecoder(SharedPart(model, 2)),
            observation,
            task,
            noise[:horizon],
            detach_policy_input=detach,
        )
        return torch.autograd.grad(found.latents[-1].square().sum(), part.parameters()["mu_net.0.weight"])[0]

    # One step has no history to cut; over more steps the chain of latents carries the gradient either way.
    torch.testing.assert_close(gradient(1, detach=True), gradient(1, detach=False))
    assert gradient(3, detach=True).abs().max() > 0
    assert not torch.allclose(gradient(3, detach=True), gradient(3, detach=False))


def test_masked_actions_reach_neither_dynamics_nor_reward(parts):
    model, policies, critics = parts
    observation, task, noise = inputs(3)
    masks = torch.tensor([[1.0, 1, 1], [1, 0, 0], [1, 1, 0]], dtype=torch.float64)
    mask = masks[task]

    def outcome(mask, model):
        shared = SharedPart(model, 2)
        found = imagine(shared, StackedPart(policies), critics, RewardDecoder(shared), observation, task, noise, mask)
        return found.latents, found.rewards, found.actions

    latents, rewards, actions = outcome(mask, model)
    assert (actions[:, mask == 0] == 0).all()
    assert (actions[:, mask == 1] != 0).all()
    # Where an entry is padding, the weights that read it cannot matter any more: change them for the masked rows.
    for layer in (model._dynamics[0], model._reward[0]):
        layer.weight.data[0, -1] += 1.0
    changed_latents, changed_rewards, _ = outcome(mask, model)
    padded = mask[..., -1] == 0
    torch.testing.assert_close(changed_rewards[:, padded], rewards[:, padded])
    torch.testing.assert_close(changed_latents[:, padded], latents[:, padded])
    assert not torch.allclose(changed_rewards[:, ~padded], rewards[:, ~padded])
    free_rewards = outcome(None, model)[1]
    assert not torch.allclose(free_rewards[:, padded], rewards[:, padded])


@pytest.mark.parametrize(("entries", "expected"), [(1_000_000, 1), (128, 2), (1, 3)])
def test_rewards_take_as_many_passes_as_a_cache_wants(parts, entries, expected, monkeypatch):
    monkeypatch.setattr("rephase.engine.imagination._LARGEST_PASS", entries)
    model, policies, critics = parts
    shared, passes = SharedPart(model, 2), []
    call = shared.call_over_time
    monkeypatch.setattr(shared, "call_over_time", lambda *given, **named: passes.append(1) or call(*given, **named))
    imagine(shared, StackedPart(policies), critics, RewardDecoder(shared), *inputs(3))
    assert len(passes) == expected
