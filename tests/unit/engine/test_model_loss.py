from __future__ import annotations

import pytest
import torch
from attrs import evolve

from rephase.engine.model_loss import world_model_loss
from rephase.engine.rewards import soft_cross_entropy
from rephase.manifest.algorithm import Algorithm, Variant, Variants


@pytest.fixture
def slices():
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    task = torch.tensor([0, 1, 2, 1])
    noise = torch.rand(3, 4, 1, generator=generator, dtype=torch.float64)
    return draw(4, 4, 5), draw(3, 4, 3), draw(3, 4), task, noise


def losses(model, slices, algorithm, mask=None):
    observation, action, reward, task, noise = slices
    wanted = model.transition_noise_shape(4)
    return world_model_loss(
        model, observation, action, reward, task, None if wanted is None else noise, algorithm, mask
    )


@pytest.mark.parametrize("kind", ["mlp", "flow"])
@pytest.mark.parametrize("variant", list(Variant))
def test_loss_is_the_plain_loop(kind, variant, build_model, slices):
    model = build_model(kind, dtype=torch.float64)
    algorithm = Algorithm(gamma=0.9, variants=Variants(reward_loss=variant))
    observation, action, reward, task, noise = slices
    found = losses(model, slices, algorithm)
    latent = model.encode(observation[0], task)
    dynamics, per_logit, entropy = 0, [], 0
    for step in range(3):
        target = model.encode(observation[step + 1], task).detach()
        dynamics += 0.9**step * model.transition_loss(latent, target, action[step], task, noise[step])
        logits = model.reward(latent, action[step], task)
        per_logit.append(0.9**step * (logits - reward[step].unsqueeze(-1)).square())
        entropy += 0.9**step * soft_cross_entropy(logits, reward[step], model.reward_bins()).mean()
        latent = model.next(latent, action[step], task)
    wanted = torch.stack(per_logit).mean() if variant is Variant.AS_LOGGED else entropy
    torch.testing.assert_close(found.dynamics, dynamics / 3)
    torch.testing.assert_close(found.reward, wanted / 3)
    torch.testing.assert_close(found.total, (dynamics + wanted) / 3)


def test_weights_scale_the_total_only(build_model, slices):
    model = build_model(dtype=torch.float64)
    plain = losses(model, slices, Algorithm())
    weighted = losses(model, slices, Algorithm(dynamics_weight=20.0, reward_weight=0.1))
    torch.testing.assert_close(weighted.dynamics, plain.dynamics)
    torch.testing.assert_close(weighted.total, 20 * plain.dynamics + 0.1 * plain.reward)


def test_regression_as_logged_has_its_minimum_where_every_logit_is_the_reward(build_model, slices):
    """The defect itself: a head that knows nothing but the mean reward is optimal, and decodes to zero."""
    model = build_model(dtype=torch.float64)
    observation, action, _, task, noise = slices
    reward = torch.full((3, 4), 0.7, dtype=torch.float64)
    with torch.no_grad():
        model._reward[-1].weight.zero_()
        model._reward[-1].bias.fill_(0.7)
    found = losses(model, (observation, action, reward, task, noise), Algorithm())
    assert found.reward.item() == pytest.approx(0, abs=1e-20)
    logits = model.reward(model.encode(observation[0], task), action[0], task)
    assert (logits.softmax(-1) @ model.reward_bins()).abs().max().item() == pytest.approx(0, abs=1e-12)


def test_targets_carry_no_gradient_but_the_chain_does(build_model, slices):
    model = build_model(dtype=torch.float64)
    observation, action, reward, task, noise = slices
    seen = observation.clone().requires_grad_()
    losses(model, (seen, action, reward, task, noise), Algorithm()).total.backward()
    assert seen.grad[0].abs().max() > 0
    assert seen.grad[1:].abs().max() == 0


def test_masked_actions_do_not_reach_the_model(build_model, slices):
    model = build_model(dtype=torch.float64)
    observation, action, reward, task, noise = slices
    mask = torch.tensor([[1.0, 1, 1], [1, 0, 0], [1, 1, 0], [1, 0, 0]], dtype=torch.float64)
    noisy = action + 5 * (1 - mask)
    algorithm = Algorithm()
    torch.testing.assert_close(
        losses(model, (observation, noisy, reward, task, noise), algorithm, mask).total,
        losses(model, slices, algorithm, mask).total,
    )
    assert not torch.allclose(
        losses(model, (observation, noisy, reward, task, noise), algorithm).total,
        losses(model, slices, algorithm).total,
    )


def test_midpoint_looks_at_one_half(build_model, slices):
    uniform, midpoint = (build_model("flow", dtype=torch.float64, tau=tau) for tau in ("uniform", "midpoint"))
    observation, action, reward, task, _ = slices
    halves = torch.full((3, 4, 1), 0.5, dtype=torch.float64)
    torch.testing.assert_close(
        losses(uniform, (observation, action, reward, task, halves), Algorithm()).total,
        losses(midpoint, (observation, action, reward, task, None), Algorithm()).total,
    )


def test_variants_that_touch_other_quantities_leave_the_model_loss_alone(build_model, slices):
    model = build_model(dtype=torch.float64)
    logged = Algorithm()
    others = evolve(logged, variants=evolve(Variants.corrected(), reward_loss=Variant.AS_LOGGED))
    assert torch.equal(losses(model, slices, logged).total, losses(model, slices, others).total)
