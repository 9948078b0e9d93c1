"""World models whose steps are drawn, that remember, and that read rewards themselves: trained, resumed, evaluated."""

from __future__ import annotations

import pytest
import torch
from attrs import evolve
from rephase_mlp.offers import GaussianGRUConfig, GaussianPolicyConfig
from rephase_mlp.policy import GaussianPolicy
from rephase_mlp.recurrent import GaussianGRU
from torch import nn

from rephase.engine.cohort import Cohort, Member
from rephase.engine.critic import CriticEnsembles
from rephase.engine.decoding import RewardDecoder
from rephase.engine.imagination import imagine
from rephase.engine.model_loss import world_model_loss
from rephase.engine.parts import SharedPart, StackedPart
from rephase.engine.pretraining import EpisodePool
from rephase.engine.seeding import stream
from rephase.manifest.algorithm import Variants
from rephase.manifest.schema import Planning

MEMBERS = [Member(0, 0), Member(2, 0), Member(0, 1)]
SIZES = GaussianGRUConfig(memory=4, units=(9,), task_size=2)


@pytest.fixture
def build_gru(spaces, randomise):
    def build(seed=0, dtype=torch.float32):
        return randomise(GaussianGRU(SIZES, spaces), seed, 0.4).to(dtype)

    return build


@pytest.fixture
def build_cohort(build_gru, spaces, algorithm):
    generator = torch.Generator().manual_seed(9)
    shapes = ((4, 21, 5), (4, 20, 3), (4, 20))
    pools = {
        task: EpisodePool(*({task: torch.rand(*shape, generator=generator)} for shape in shapes)) for task in range(3)
    }
    starts = {task: torch.randn(6, 5, generator=generator) for task in range(3)}

    def build(members=MEMBERS, trains=False, stackable=True, **changes):
        settings = evolve(algorithm, finetune_world_model=trains, **changes)
        models = [build_gru(member.seed) for member in members]
        return Cohort(
            world_model=models if trains else models[0],
            build_policy=lambda: GaussianPolicy(GaussianPolicyConfig(units=(7,)), 9, 3),
            algorithm=settings,
            members=members,
            experience=pools if trains else starts,
            spaces=spaces,
            model_stackable=stackable,
        )

    return build


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_roll_out_follows_the_draws_and_carries_the_memory(build_gru, randomise):
    model = build_gru(dtype=torch.float64)
    policy = randomise(GaussianPolicy(GaussianPolicyConfig(units=(7,)), 9, 3), 1, 0.3).double()
    critics = CriticEnsembles(1, 9, (6,), 2, torch.float64)
    critics.initialise([stream(0, "critics")])
    draw = lambda name, *shape: torch.randn(*shape, generator=stream(0, name), dtype=torch.float64)  # noqa: E731
    observation, task = draw("o", 1, 4, 5), torch.tensor([[0, 1, 2, 0]])
    noise, model_noise = draw("n", 3, 1, 4, 3), draw("m", 3, 1, 4, 5)
    shared = SharedPart(model, 1)
    given = (shared, StackedPart([policy]), critics, RewardDecoder(shared), observation, task, noise)
    found = imagine(*given, model_noise=model_noise)
    latent = model.encode(observation[0], task[0])
    for step in range(3):
        action = policy.act(latent, noise[step, 0]).tanh()
        reward = model.decode_reward(model.reward(latent, action, task[0]))
        latent = model.sample(latent, action, task[0], model_noise[step, 0])
        torch.testing.assert_close(found.latents[step + 1, 0], latent)
        torch.testing.assert_close(found.rewards[step, 0], reward)
    assert found.latents[0, 0, :, 5:].abs().max() == 0
    assert found.latents[-1, 0, :, 5:].abs().min() > 0
    still = imagine(*given, model_noise=torch.zeros_like(model_noise))
    assert not torch.allclose(still.latents[-1], found.latents[-1])


@pytest.mark.parametrize("trains", [False, True])
@pytest.mark.parametrize("stackable", [False, True])
def test_a_run_together_with_others_is_the_run_alone(build_cohort, trains, stackable):
    together, alone = build_cohort(trains=trains, stackable=stackable), build_cohort(MEMBERS[2:], trains)
    if not trains:  # one model for all
        alone = build_cohort([evolve(MEMBERS[2])], trains)
        together = build_cohort([evolve(MEMBERS[2]), MEMBERS[1]], trains, stackable)
    for cohort in (together, alone):
        cohort.advance(3)
    own = together.points()[2 if trains else 0].metrics
    assert own == pytest.approx(alone.points()[0].metrics, rel=2e-3, abs=1e-5)


@pytest.mark.parametrize("trains", [False, True])
def test_resuming_is_bit_for_bit(build_cohort, trains):
    through, first, second = (build_cohort(trains=trains) for _ in range(3))
    through.advance(4)
    first.advance(2)
    second.load_state_dict(first.state_dict())
    second.advance(2)
    assert same(through.state_dict(), second.state_dict())
    assert any(name.startswith("generator/step_noise/") for name in through.state_dict())
    other = build_cohort([Member(0, 5), *MEMBERS[1:]], trains=trains)
    other.advance(4)
    assert not same(through.state_dict(), other.state_dict())


@pytest.mark.parametrize("variants", [Variants(), Variants.corrected()], ids=["as-logged", "corrected"])
def test_it_is_fitted_step_by_step_from_what_was_observed(build_gru, algorithm, variants):
    model = build_gru(dtype=torch.float64)
    draw = lambda name, *shape: torch.randn(*shape, generator=stream(0, name), dtype=torch.float64)  # noqa: E731
    observation, action, reward = draw("o", 4, 6, 5), draw("a", 3, 6, 3), draw("r", 3, 6)
    task = torch.tensor([0, 1, 2, 0, 1, 2])
    settings = evolve(algorithm, variants=variants)
    found = world_model_loss(model, observation, action, reward, task, None, settings)
    latent, dynamics, rewards = model.encode(observation[0], task), 0, 0
    for step in range(3):
        following = model.observe(latent, action[step], observation[step + 1], task)
        weight = settings.gamma**step / 3
        dynamics += weight * model.transition_loss(latent, following.detach(), action[step], task, None)
        rewards += weight * model.reward_loss(model.reward(latent, action[step], task), reward[step]).mean()
        latent = following
    torch.testing.assert_close(found.dynamics, dynamics)
    torch.testing.assert_close(found.reward, rewards)
    found.total.backward()
    assert all(bool((value.grad != 0).any()) for value in model.parameters())


class Counts(nn.Module):
    """Remembers how many steps were done and the sum of what was done; draws nothing and reads bins."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def encode(self, observation, task):
        return torch.cat([observation[..., :1], torch.zeros_like(observation[..., :2])], -1)

    def next(self, latent, action, task):
        return torch.stack([latent[..., 0], latent[..., 1] + 1, latent[..., 2] + action.sum(-1)], -1) * self.weight

    def observe(self, latent, action, observation, task):
        return torch.cat([observation[..., :1], self.next(latent, action, task)[..., 1:]], -1)

    def reward(self, latent, action, task):
        return torch.stack([latent[..., 0], action[..., 0]], -1)

    def reward_bins(self):
        return torch.tensor([-1.0, 1.0])

    def transition_loss(self, latent, target, action, task, noise):
        return (self.next(latent, action, task) - target).square().mean()

    def transition_noise_shape(self, batch_size):
        return None

    def constrain(self, task):
        pass

    def task_parameters(self):
        return ()

    def latent_size(self):
        return 3

    def initialise(self, generator):
        pass


class Shows(GaussianPolicy):
    """Its action is the memory it sees."""

    def mean(self, latent):
        return super().mean(latent) * 0 + latent[..., [1, 2, 0]]


@pytest.fixture
def counting(spaces, algorithm):
    def build(**changes):
        return Cohort(
            world_model=Counts(),
            build_policy=lambda: Shows(GaussianPolicyConfig(units=(4,)), 3, 3),
            algorithm=evolve(algorithm, **changes),
            members=[Member(0, 0), Member(1, 1)],
            experience={task: torch.rand(6, 5) for task in range(3)},
            spaces=spaces,
        )

    return build


@pytest.mark.parametrize("variants", [Variants(), Variants.corrected()], ids=["as-logged", "corrected"])
def test_an_episode_is_remembered_to_its_end_and_then_forgotten(counting, variants):
    cohort = counting(variants=variants)
    observation = torch.full((2, 1, 5), 0.3)
    for act in (cohort.acting(), cohort.acting(), cohort.actors().act):
        counted, summed = [], torch.zeros(2)
        for _ in range(4):
            action = act(observation)[:, 0]
            torch.testing.assert_close(action[:, 1].atanh(), summed, rtol=1e-3, atol=1e-4)
            counted.append(action[0, 0].atanh().item())
            # Task 1 has one entry: of its actions the model sees no more where padding is masked.
            kept = action[1, :1] if variants == Variants.corrected() else action[1]
            summed = summed + torch.stack([action[0].sum(), kept.sum()])
        assert counted == pytest.approx([0, 1, 2, 3], rel=1e-3)
    first = cohort.act(observation)
    assert torch.equal(first, cohort.act(observation))
    assert torch.equal(first, cohort.acting()(observation))


def test_planning_begins_each_step_from_what_is_remembered(counting, monkeypatch):
    cohort = counting()
    seen = []
    monkeypatch.setattr(
        "rephase.engine.planning.plan",
        lambda imagined, latent, mean, *_: seen.append(latent) or (torch.full((2, 1, 3), 0.5), mean),
    )
    planner = cohort.planner(Planning(samples=8, policy_samples=2, elites=2))
    for _ in range(3):
        planner.act(torch.full((2, 1, 5), 0.3))
    assert [latent[0, 0].tolist() for latent in seen] == [
        pytest.approx([0.3, 0, 0]),
        pytest.approx([0.3, 1, 1.5]),
        pytest.approx([0.3, 2, 3]),
    ]


def test_planning_and_promises_follow_the_mean(build_cohort):
    """No noise is drawn for them: two plans from the same streams agree, and so do two predictions."""
    cohort = build_cohort()
    observation = torch.randn(3, 2, 5, generator=stream(0, "o"))
    plans = [cohort.planner(Planning(samples=8, policy_samples=2, elites=2)).act(observation) for _ in range(2)]
    assert torch.equal(*plans)
    assert torch.equal(cohort.predicted_return(observation, 5), cohort.predicted_return(observation, 5))
