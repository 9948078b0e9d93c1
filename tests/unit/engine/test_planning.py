"""Planning on toy models whose best action is known, and inside a cohort."""

from __future__ import annotations

import pytest
import torch
from rephase_mlp.offers import GaussianPolicyConfig, MLPWorldModelConfig
from rephase_mlp.policy import GaussianPolicy
from rephase_mlp.world_model import MLPWorldModel

from rephase.engine.cohort import Cohort, Member
from rephase.engine.planning import Imagined, PlanningNoise, plan
from rephase.engine.seeding import stream
from rephase.manifest.algorithm import Algorithm, Variants
from rephase.manifest.schema import Planning
from rephase.protocols import Spaces

GOAL = torch.tensor([0.3, -0.6])


def noise(planning, runs, episodes, actions=2, seed=0):
    draws = torch.Generator().manual_seed(seed)
    free = planning.samples - planning.policy_samples
    return PlanningNoise(
        torch.randn(planning.horizon, runs, episodes * planning.policy_samples, actions, generator=draws),
        torch.randn(planning.iterations, planning.horizon, runs, episodes, free, actions, generator=draws),
    )


def planned(imagined, planning, runs=2, episodes=3, seed=0, gamma=1.0, latent=None):
    latent = torch.zeros(runs, episodes, 2) if latent is None else latent
    mean = torch.zeros(planning.horizon, runs, episodes, 2)
    return plan(imagined, latent, mean, noise(planning, runs, episodes, seed=seed), planning, gamma)


def lazy(latent, draws):
    return torch.zeros_like(draws)


def nothing(latent):
    return torch.zeros(latent.shape[:2])


def test_the_action_with_the_highest_reward_is_found():
    # One step: the reward is highest where the action is the goal, whatever the latent.
    imagined = Imagined(lambda z, a: (z, -(a - GOAL).square().sum(-1)), lazy, nothing)
    planning = Planning(horizon=1, samples=256, elites=24, iterations=8, temperature=20.0, lowest_std=0.01)
    action, mean = planned(imagined, planning)

    assert action.shape == (2, 3, 2)
    assert torch.equal(action, mean[0])
    torch.testing.assert_close(action, GOAL.expand(2, 3, 2), atol=0.02, rtol=0)


def test_looking_ahead_gives_up_a_reward_for_a_larger_one_later():
    # Latents add up actions; each step costs its action, and only reaching 1 in the first entry pays, at the end.
    def step(z, a):
        z = z + a
        return z, -0.1 * a[..., 0].abs()

    def value(z):
        return -10 * (z[..., 0] - 1).square()

    near = Planning(horizon=2, samples=256, elites=24, iterations=8, temperature=5.0, lowest_std=0.01)
    action, mean = planned(Imagined(step, lazy, value), near)
    torch.testing.assert_close(mean[..., 0].sum(0), torch.full((2, 3), 1.0), atol=0.05, rtol=0)
    # Without the value of the end there is nothing to go for.
    action, _ = planned(Imagined(step, lazy, nothing), near)
    assert (action[..., 0].abs() < 0.05).all()


def test_the_value_of_the_end_is_discounted_by_the_whole_horizon():
    def step(z, a):
        return z + a, 2.0 * (1 - a[..., 0])

    def value(z):
        return 2.5 * z[..., 0]

    planning = Planning(horizon=1, samples=256, elites=8, iterations=6, temperature=50.0, highest_std=1.0)
    patient, _ = planned(Imagined(step, lazy, value), planning, gamma=1.0)
    hasty, _ = planned(Imagined(step, lazy, value), planning, gamma=0.5)
    assert (patient[..., 0] > 0.9).all()
    assert (hasty[..., 0] < -0.9).all()


def test_a_good_policy_is_followed_where_drawing_finds_nothing():
    # A narrow target far from the mean: only the policy knows it.
    target = torch.tensor([0.95, -0.95])
    imagined = Imagined(
        lambda z, a: (z, ((a - target).abs().amax(-1) < 0.01).float()),
        lambda z, draws: target.expand_as(draws),
        nothing,
    )
    planning = Planning(horizon=2, samples=32, policy_samples=4, elites=4, temperature=50.0, highest_std=0.1)
    action, _ = planned(imagined, planning)
    torch.testing.assert_close(action, target.expand(2, 3, 2), atol=1e-3, rtol=0)


def test_episodes_and_runs_do_not_see_each_other():
    def step(z, a):
        return z, -(a - z).square().sum(-1)

    planning = Planning(horizon=1, samples=128, elites=12, iterations=6, temperature=20.0, lowest_std=0.01)
    goals = torch.rand(2, 3, 2, generator=torch.Generator().manual_seed(3)) - 0.5
    action, _ = planned(Imagined(step, lazy, nothing), planning, latent=goals)
    torch.testing.assert_close(action, goals, atol=0.03, rtol=0)


def test_sequences_that_are_not_numbers_are_never_chosen():
    def step(z, a):
        reward = a[..., 0]
        return z, torch.where(reward > 0.2, torch.nan, reward)

    planning = Planning(horizon=1, samples=128, elites=8, iterations=6, temperature=20.0)
    action, _ = planned(Imagined(step, lazy, nothing), planning)
    assert (action[..., 0] <= 0.2).all()
    assert (action[..., 0] > 0.05).all()


def test_no_sequence_need_follow_the_policy():
    imagined = Imagined(lambda z, a: (z, -(a - GOAL).square().sum(-1)), lazy, nothing)
    planning = Planning(horizon=1, samples=64, policy_samples=0, elites=8, iterations=6, temperature=20.0)
    action, _ = planned(imagined, planning)
    torch.testing.assert_close(action, GOAL.expand(2, 3, 2), atol=0.15, rtol=0)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"elites": 65}, "65 elites of 64 samples; take fewer elites or more samples"),
        ({"policy_samples": 65}, "65 of 64 samples follow the policy; take fewer of them"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        Planning(**settings)


def test_a_run_plans_the_same_alone_and_among_others():
    spaces = Spaces(5, 3, (3, 1))
    sizes = {"latent_size": 16, "encoder_units": (12,), "units": (12,), "task_size": 4}
    starts = {task: torch.rand(9, 5, generator=stream(0, f"starts/{task}")) for task in (0, 1)}
    seen = torch.rand(2, 4, 5, generator=stream(0, "seen"))

    def cohort(members):
        model = MLPWorldModel(MLPWorldModelConfig(**sizes), spaces)
        model.initialise(stream(7, "world-model"))
        torch.nn.init.normal_(model._reward[-1].weight, generator=stream(7, "reward"))
        algorithm = Algorithm(epochs=2, horizon=2, batch_size=4, critic_units=(8,), variants=Variants.corrected())
        policy = GaussianPolicyConfig(units=(8,))
        return Cohort(
            world_model=model,
            build_policy=lambda: GaussianPolicy(policy, 16, 3),
            algorithm=algorithm,
            members=members,
            experience=starts,
            spaces=spaces,
        )

    def actions(members, observation):
        planner = cohort(members).planner(Planning(samples=24, policy_samples=4, elites=4))
        return torch.stack([planner.act(observation), planner.act(observation)])

    members = [Member(0, 1), Member(1, 2)]
    together = actions(members, seen)
    assert together.shape == (2, 2, 4, 3)
    assert (together.abs() <= 1).all()
    assert not torch.equal(together[0], together[1])
    for run, member in enumerate(members):
        torch.testing.assert_close(actions([member], seen[run : run + 1])[:, 0], together[:, run], atol=1e-4, rtol=1e-4)
