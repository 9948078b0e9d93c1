from __future__ import annotations

import pytest
import torch
from attrs import evolve

from rephase.engine.cohort import Cohort, Member
from rephase.engine.rewards import expectation, symexp

MEMBERS = [Member(0, 0), Member(2, 0), Member(0, 1)]


@pytest.fixture
def build_cohort(build_model, build_policy, spaces, algorithm):
    generator = torch.Generator().manual_seed(9)
    starts = {task: torch.randn(6, 5, generator=generator) for task in range(3)}

    def build(members=MEMBERS, algorithm=algorithm, policy="gaussian", stackable=True):
        return Cohort(
            world_model=build_model("mlp"),
            build_policy=lambda: build_policy(policy),
            algorithm=algorithm,
            members=members,
            experience=starts,
            spaces=spaces,
            stackable=stackable,
        )

    return build


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize("policy", ["gaussian", "flow"])
def test_a_run_in_a_cohort_is_the_run_alone_up_to_rounding(build_cohort, policy):
    cohort = build_cohort(policy=policy)
    alone = [build_cohort([member], policy=policy) for member in MEMBERS]
    for _ in range(3):
        cohort.advance(1)
        for run, single in enumerate(alone):
            single.advance(1)
            for name, value in single.points()[0].metrics.items():
                assert cohort.points()[run].metrics[name] == pytest.approx(value, rel=1e-3, abs=1e-5)
    for run, single in enumerate(alone):
        for name, value in single.policy_state(0).items():
            torch.testing.assert_close(cohort.policy_state(run)[name], value, rtol=1e-3, atol=1e-4)


def test_runs_of_one_task_differ_by_seed(build_cohort):
    cohort = build_cohort()
    cohort.advance(1)
    points = cohort.points()
    assert points[0].metrics["actor_loss"] != points[2].metrics["actor_loss"]
    assert points[0].epoch == 1


@pytest.mark.parametrize("policy", ["gaussian", "flow"])
def test_resuming_is_bit_for_bit(build_cohort, policy):
    through = build_cohort(policy=policy)
    through.advance(4)
    first = build_cohort(policy=policy)
    first.advance(2)
    saved = first.state_dict()
    first.advance(1)  # what was saved is a copy
    second = build_cohort(policy=policy)
    second.load_state_dict(saved)
    assert second.epoch == 2
    second.advance(2)
    assert same(through.state_dict(), second.state_dict())
    assert through.points() == second.points()


def test_resuming_after_a_detour_through_a_file_is_bit_for_bit(build_cohort, tmp_path):
    from safetensors.torch import load_file, save_file

    through = build_cohort()
    through.advance(3)
    first = build_cohort()
    first.advance(1)
    save_file(first.state_dict(), tmp_path / "state.safetensors")
    second = build_cohort()
    second.load_state_dict(load_file(tmp_path / "state.safetensors"))
    second.advance(2)
    assert same(through.state_dict(), second.state_dict())


def test_it_stops_at_the_algorithm_s_epochs(build_cohort, algorithm):
    cohort = build_cohort(algorithm=evolve(algorithm, epochs=2))
    cohort.advance(10)
    assert cohort.epoch == 2
    before = cohort.state_dict()
    cohort.advance(1)
    assert same(before, cohort.state_dict())


def test_nothing_global_is_drawn(build_cohort):
    cohort = build_cohort()
    before = torch.get_rng_state()
    cohort.advance(2)
    assert torch.equal(before, torch.get_rng_state())


def test_all_is_well_until_it_is_not(build_cohort):
    cohort = build_cohort()
    cohort.advance(2)
    assert [cohort.failure(run) for run in range(3)] == [None, None, None]
    state = cohort.state_dict()
    broken = dict(state)
    name = "policy/mu_net.0.weight"
    broken[name] = state[name].clone()
    broken[name][1] = float("nan")
    cohort.load_state_dict(broken)
    cohort.advance(2)
    failure = cohort.failure(1)
    assert failure.epoch == 2
    assert failure.quantity == "actor gradient norm"
    assert str(failure) == (
        "the actor gradient norm was not finite at epoch 2; "
        "look at the learning curve in the run's folder; the last good state is kept there"
    )
    # One run's misfortune is not its neighbours'.
    assert cohort.failure(0) is None
    assert cohort.failure(2) is None


def test_a_critic_that_diverges_is_named(build_cohort):
    cohort = build_cohort()
    cohort.advance(1)
    state = dict(cohort.state_dict())
    state["critic/params.0"] = state["critic/params.0"].clone()
    state["critic/params.0"][0] = float("inf")
    cohort.load_state_dict(state)
    cohort.advance(1)
    failure = cohort.failure(0)
    assert failure.epoch == 1
    assert failure.quantity in ("critic gradient norm", "actor gradient norm")


def test_a_failure_survives_a_resume(build_cohort):
    cohort = build_cohort()
    cohort.advance(1)
    state = dict(cohort.state_dict())
    state["policy/logstd"] = state["policy/logstd"].clone().fill_(float("nan"))
    cohort.load_state_dict(state)
    cohort.advance(1)
    resumed = build_cohort()
    resumed.load_state_dict(cohort.state_dict())
    resumed.advance(1)
    assert resumed.failure(0).epoch == 1


def test_actions_are_deterministic_squashed_and_each_run_s_own(build_cohort, build_model, build_policy):
    cohort = build_cohort()
    cohort.advance(1)
    observation = torch.randn(3, 2, 5)
    action = cohort.act(observation)
    assert action.shape == (3, 2, 3)
    assert action.abs().max() <= 1
    assert torch.equal(action, cohort.act(observation))
    model, policy = build_model("mlp"), build_policy("gaussian")
    for run, member in enumerate(MEMBERS):
        policy.load_state_dict(cohort.policy_state(run))
        task = torch.full((2,), member.task)
        model.constrain(task)
        torch.testing.assert_close(action[run], policy.mean(model.encode(observation[run], task)).tanh())


def test_predicted_returns_are_plain_rewards_summed(build_cohort, build_model, build_policy):
    cohort = build_cohort()
    cohort.advance(1)
    observation = torch.randn(3, 2, 5)
    found = cohort.predicted_return(observation, 4)
    model, policy = build_model("mlp"), build_policy("gaussian")
    for run, member in enumerate(MEMBERS):
        policy.load_state_dict(cohort.policy_state(run))
        task = torch.full((2,), member.task)
        model.constrain(task)
        latent, total = model.encode(observation[run], task), 0
        for _ in range(4):
            action = policy.mean(latent).tanh()
            total += symexp(expectation(model.reward(latent, action, task), model.reward_bins()))
            latent = model.next(latent, action, task)
        torch.testing.assert_close(found[run], total)
