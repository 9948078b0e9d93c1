"""A policy's own loss: what it is given, that it is added, and that nothing else changes."""

from __future__ import annotations

import pytest
import torch
from attrs import evolve
from rephase_flow.matched import MatchedFlowPolicy
from rephase_flow.offers import FlowPolicyConfig, MatchedFlowPolicyConfig
from rephase_flow.policy import FlowPolicy
from rephase_mlp.offers import GaussianPolicyConfig
from rephase_mlp.policy import GaussianPolicy
from rephase_rk.methods import HEUN
from rephase_rk.runge_kutta import RungeKutta

from rephase.engine.cohort import Cohort, Member
from rephase.engine.critic import CriticEnsembles
from rephase.engine.learner import Batch, Learner, action_masks
from rephase.engine.parts import SharedPart, StackedPart

MEMBERS = [Member(0, 0), Member(2, 0), Member(0, 1)]


class Climbs(GaussianPolicy):
    """Its own loss is that of moving the mean action against the gradient it is given."""

    def own_loss(self, latent, noise, action, gradient, draws):
        assert draws is None
        return (gradient * self.act(latent, noise)).sum(-1).mean()

    def own_loss_draws(self, batch_size):
        return None


class StandsStill(Climbs):
    """The return cannot reach it but through its own loss."""

    def act(self, latent, noise):
        return super().act(latent, noise).detach()

    def own_loss(self, latent, noise, action, gradient, draws):
        return (gradient * GaussianPolicy.act(self, latent, noise)).sum(-1).mean()


class Entropic(GaussianPolicy):
    """Negative entropy, but for a constant."""

    def own_loss(self, latent, noise, action, gradient, draws):
        return -0.1 * self.logstd.sum()

    def own_loss_draws(self, batch_size):
        return None


@pytest.fixture
def learner(algorithm, build_model, randomise, spaces):
    def build(cls, **changes):
        settings = evolve(algorithm, **changes)
        policies = [randomise(cls(GaussianPolicyConfig(units=(7, 6)), 8, 3), seed, 0.3).double() for seed in (0, 1)]
        critics = CriticEnsembles(2, 8, settings.critic_units, settings.critics, torch.float64)
        critics.initialise([torch.Generator().manual_seed(seed) for seed in (0, 1)])
        return Learner(
            world_model=SharedPart(build_model("mlp", 0, torch.float64), 2),
            policy=StackedPart(policies),
            critics=critics,
            algorithm=settings,
            action_masks=action_masks(spaces).double(),
        )

    return build


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(3)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    return Batch(observation=draw(2, 4, 5), task=torch.tensor([[0, 1, 2, 0], [2, 0, 1, 1]]), noise=draw(3, 2, 4, 3))


def gradients(learner, batch):
    learner.optimisers["actor"].step = lambda: None
    learner.algorithm = evolve(learner.algorithm, actor_grad_norm=1e9)
    metrics = learner.update_policy(batch)[1]
    return {name: value.grad.clone() for name, value in learner.policy.parameters().items()}, metrics


@pytest.mark.parametrize("normalise", [True, False])
def test_the_gradient_it_is_given_is_that_of_the_return(learner, batch, normalise):
    """The return's own gradient in the parameters is the given one, row by row, through the action: so it doubles."""
    plain, _ = gradients(learner(GaussianPolicy, normalise_returns=normalise), batch)
    both, metrics = gradients(learner(Climbs, normalise_returns=normalise), batch)
    alone, _ = gradients(learner(StandsStill, normalise_returns=normalise), batch)
    horizon = batch.noise.shape[0]
    for name, value in plain.items():
        # A mean over all H times B rows of what B rows share: one H-th of the return's gradient.
        torch.testing.assert_close(alone[name] * horizon, value, rtol=1e-7, atol=1e-12)
        torch.testing.assert_close(both[name], value * (1 + 1 / horizon), rtol=1e-7, atol=1e-12)
    assert metrics["own_loss"].shape == (2,)


def test_it_moves_what_it_depends_on_by_its_weight_and_nothing_else(learner, batch):
    plain, without = gradients(learner(GaussianPolicy), batch)
    entropic, metrics = gradients(learner(Entropic), batch)
    assert "own_loss" not in without
    for name, value in plain.items():
        expected = value - 0.1 if name == "logstd" else value
        torch.testing.assert_close(entropic[name], expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(metrics["actor_loss"], without["actor_loss"], rtol=0, atol=0)


@pytest.fixture
def build_cohort(build_model, spaces, algorithm):
    generator = torch.Generator().manual_seed(9)
    starts = {task: torch.randn(6, 5, generator=generator) for task in range(3)}

    def build(members=MEMBERS, stackable=True, matching=0.1):
        if matching is None:
            policy = lambda: FlowPolicy(FlowPolicyConfig(units=(7,)), 8, 3, RungeKutta(HEUN))  # noqa: E731
        else:
            config = MatchedFlowPolicyConfig(units=(7,), matching=matching)
            policy = lambda: MatchedFlowPolicy(config, 8, 3, RungeKutta(HEUN))  # noqa: E731
        return Cohort(
            world_model=build_model("mlp"),
            build_policy=policy,
            algorithm=algorithm,
            members=members,
            experience=starts,
            spaces=spaces,
            stackable=stackable,
        )

    return build


@pytest.mark.parametrize("stackable", [True, False])
def test_a_run_draws_for_its_loss_what_it_draws_alone(build_cohort, stackable):
    together, alone = build_cohort(stackable=stackable), build_cohort(MEMBERS[1:2])
    for cohort in (together, alone):
        cohort.advance(3)
    assert together.points()[1].metrics == pytest.approx(alone.points()[0].metrics, rel=1e-3, abs=1e-5)
    assert together.points()[1].metrics["own_loss"] > 0


def test_resuming_is_bit_for_bit(build_cohort):
    through, first, second = build_cohort(), build_cohort(), build_cohort()
    through.advance(4)
    first.advance(2)
    second.load_state_dict(first.state_dict())
    second.advance(2)
    one, other = through.state_dict(), second.state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    assert any(name.startswith("generator/loss_draws/") for name in one)


def test_without_weight_it_is_the_policy_without_the_loss_to_the_bit(build_cohort):
    matched, plain = build_cohort(matching=0.0), build_cohort(matching=None)
    for cohort in (matched, plain):
        cohort.advance(3)
    for name, value in plain.policy_state(0).items():
        assert torch.equal(matched.policy_state(0)[name], value)


def test_matching_makes_the_flow_straighter(build_cohort):
    """After as many updates, the velocity along a path changes less than without the loss."""
    bends = []
    for weight in (0.0, 10.0):
        cohort = build_cohort(matching=weight)
        cohort.advance(20)
        policy = MatchedFlowPolicy(MatchedFlowPolicyConfig(units=(7,)), 8, 3, RungeKutta(HEUN))
        policy.load_state_dict(cohort.policy_state(0))
        generator = torch.Generator().manual_seed(1)
        latent = torch.rand(50, 8, generator=generator)
        noise = torch.randn(50, 3, generator=generator)
        with torch.no_grad():
            start = policy.init_logstd.exp() * noise
            end = policy.carry(latent, start)
            middle = policy.velocity(latent, (start + end) / 2, 0.5)
        bends.append(float((middle - (end - start)).square().mean()))
    assert bends[1] < bends[0]
