"""The kit on policies with a loss and world models with a memory, draws or rewards of their own, broken on purpose."""

from __future__ import annotations

import pytest
import torch
from attrs import evolve
from fakes.refusals import refusal
from rephase_flow.matched import MatchedFlowPolicy
from rephase_flow.offers import MatchedFlowPolicyConfig
from rephase_flow.offers import rephase_offers as flow_offers
from rephase_mlp.offers import GaussianGRUConfig, rephase_offers
from rephase_mlp.recurrent import GaussianGRU
from rephase_rk.methods import HEUN
from rephase_rk.runge_kutta import RungeKutta

from rephase.engine.seeding import stream
from rephase.testing import PolicyConformance, WorldModelConformance
from rephase.testing.modules import SPACES

POLICY, MODEL = PolicyConformance(), WorldModelConformance()


def policy(cls=MatchedFlowPolicy):
    made = cls(MatchedFlowPolicyConfig(units=(8,)), 16, SPACES.action, RungeKutta(HEUN))
    made.initialise(stream(0, "conformance"))
    return made


class LossForEachRow(MatchedFlowPolicy):
    def own_loss(self, latent, noise, action, gradient, draws):
        return super().own_loss(latent, noise, action, gradient, draws) + gradient[:, 0]


class LossAsASum(MatchedFlowPolicy):
    def own_loss(self, latent, noise, action, gradient, draws):
        return super().own_loss(latent, noise, action, gradient, draws) * len(latent)


class LossDraws(MatchedFlowPolicy):
    def own_loss(self, latent, noise, action, gradient, draws):
        return super().own_loss(latent, noise, action, gradient, torch.rand_like(draws))


class LossMovesNothing(MatchedFlowPolicy):
    def own_loss(self, latent, noise, action, gradient, draws):
        return super().own_loss(latent, noise, action, gradient, draws).detach()


class LossOfZero(MatchedFlowPolicy):
    def own_loss(self, latent, noise, action, gradient, draws):
        return super().own_loss(latent, noise, action, gradient, draws) * 0


class LossWritesIntoActions(MatchedFlowPolicy):
    def own_loss(self, latent, noise, action, gradient, draws):
        loss = super().own_loss(latent, noise, action, gradient, draws)
        action.sub_(gradient)
        return loss


class LossInSinglePrecision(MatchedFlowPolicy):
    def own_loss(self, latent, noise, action, gradient, draws):
        return super().own_loss(latent, noise, action, gradient, draws).float()


class DrawsForTooMany(MatchedFlowPolicy):
    def own_loss(self, latent, noise, action, gradient, draws):
        return super().own_loss(latent, noise, action, gradient, draws[: len(latent)])

    def own_loss_draws(self, batch_size):
        return (2 * batch_size, 1)


@pytest.mark.parametrize(
    ("test", "cls", "words"),
    [
        ("test_actions_have_the_right_shape", LossForEachRow, "own_loss is not a scalar"),
        (
            "test_actions_have_the_right_shape",
            DrawsForTooMany,
            "the first entry of own_loss_draws is not the batch size",
        ),
        ("test_a_loss_of_its_own_is_a_mean_over_rows", LossAsASum, "own_loss grows with the number of rows"),
        ("test_draws_nothing", LossDraws, "a method drew from the global random state"),
        (
            "test_a_loss_of_its_own_moves_the_policy_alone",
            LossMovesNothing,
            "own_loss has no gradient: it moves nothing",
        ),
        ("test_a_loss_of_its_own_moves_the_policy_alone", LossOfZero, "own_loss moves no parameter"),
        (
            "test_a_loss_of_its_own_moves_the_policy_alone",
            LossWritesIntoActions,
            "own_loss changed its action in place",
        ),
        (
            "test_computes_in_the_type_of_its_parameters",
            LossInSinglePrecision,
            "own_loss returned torch.float32 for a float64 part",
        ),
    ],
)
def test_a_policy_with_a_broken_loss_is_refused_in_these_words(test, cls, words):
    assert refusal(getattr(POLICY, test), policy(cls)) == words


class LossLooksAtParameters(MatchedFlowPolicy):
    def own_loss(self, latent, noise, action, gradient, draws):
        return super().own_loss(latent, noise, action, gradient, draws) * (
            1.0 if self.init_logstd.sum().item() < 99 else 2.0
        )


def test_a_loss_that_cannot_be_stacked_must_say_so():
    offer = next(one for one in flow_offers() if one.name == "flow-matched")

    def build():
        return LossLooksAtParameters(MatchedFlowPolicyConfig(units=(8,)), 16, SPACES.action, RungeKutta(HEUN))

    said = refusal(POLICY.test_stacks_or_says_so, build, offer)
    assert said.startswith("the offer says stackable, vmap says of ")
    POLICY.test_stacks_or_says_so(build, evolve(offer, stackable=False))


def calibrated(cls):
    made = cls(GaussianGRUConfig(memory=6, units=(8,), task_size=4), SPACES)
    for task in range(3):
        mean = torch.linspace(-1, 1, SPACES.observation) * (task + 1)
        made.calibrate(mean, torch.full((SPACES.observation,), 1.0 + task), task)
    return made


def model(cls=GaussianGRU):
    made = calibrated(cls)
    made.initialise(stream(0, "conformance"))
    return made


class ReadsPlainRewards(GaussianGRU):
    def decode_reward(self, output):
        return output[..., 0] * 2


class TrainsOnPlainRewards(GaussianGRU):
    def reward_loss(self, output, reward):
        return (output[..., 0] - reward).square()


class OneLossForAllRewards(GaussianGRU):
    def reward_loss(self, output, reward):
        return super().reward_loss(output, reward).mean()


class KeepsTheLastAxis(GaussianGRU):
    def decode_reward(self, output):
        return output[..., :1]


class ReadsTwice(GaussianGRU):
    def reward_bins(self):
        return torch.tensor([-1.0, 1.0])


class IgnoresItsNoise(GaussianGRU):
    def sample(self, latent, action, task, noise):
        return super().sample(latent, action, task, noise * 0)


class DrawsAroundAnother(GaussianGRU):
    def next(self, latent, action, task):
        return super().next(latent, action, task) + 0.5


class SamplesByItself(GaussianGRU):
    def sample(self, latent, action, task, noise):
        return super().sample(latent, action, task, torch.randn_like(noise))


class SampleCutsActions(GaussianGRU):
    def sample(self, latent, action, task, noise):
        return super().sample(latent, action.detach(), task, noise) + 0 * action.sum()


class SampleMixesRows(GaussianGRU):
    def sample(self, latent, action, task, noise):
        return super().sample(latent, action, task, noise - noise.mean(0))


class NoiseForTooMany(GaussianGRU):
    def sample(self, latent, action, task, noise):
        return super().sample(latent, action, task, noise[: len(latent)])

    def sample_noise_shape(self, batch_size):
        return (batch_size + 1, self._seen)


class ForgetsTheMemory(GaussianGRU):
    def observe(self, latent, action, observation, task):
        return self.encode(observation, task) + 0 * latent + 1e-3 * action.sum(-1, keepdim=True)


class LooksAway(GaussianGRU):
    def observe(self, latent, action, observation, task):
        return self.next(latent, action, task)


class ForgetsWhatItDid(GaussianGRU):
    def observe(self, latent, action, observation, task):
        return super().observe(latent, torch.zeros_like(action), observation, task)


class ObservesInPlace(GaussianGRU):
    def observe(self, latent, action, observation, task):
        found = super().observe(latent, action, observation, task)
        latent.data.mul_(0.5)
        return found


class ObserveMixesRows(GaussianGRU):
    def observe(self, latent, action, observation, task):
        return super().observe(latent, action, observation - observation.mean(0), task)


class ObservesTooMuch(GaussianGRU):
    def observe(self, latent, action, observation, task):
        found = super().observe(latent[:, : self.latent_size()], action, observation, task)
        return torch.cat([found, action[:, :1]], -1)

    def next(self, latent, action, task):
        return super().next(latent[:, : self.latent_size()], action, task)

    def sample(self, latent, action, task, noise):
        return super().sample(latent[:, : self.latent_size()], action, task, noise)

    def reward(self, latent, action, task):
        return super().reward(latent[:, : self.latent_size()], action, task)

    def transition_loss(self, latent, target, action, task, noise):
        return super().transition_loss(latent[:, : self.latent_size()], target, action, task, noise)


SHAPES, ROWS = "test_results_have_the_right_shape", "test_every_row_stands_alone"
READ, DRAWN = "test_rewards_are_read_as_they_are_trained", "test_drawn_steps_lie_around_next"
CARRIED = "test_memory_is_carried_and_what_is_seen_counts"


@pytest.mark.parametrize(
    ("test", "cls", "words"),
    [
        (READ, ReadsPlainRewards, "a reward of -1.5 is read as -1.83, expected -0.92 (symlog)"),
        (READ, TrainsOnPlainRewards, "a reward of -1.5 is read as -1.50, expected -0.92 (symlog)"),
        (SHAPES, OneLossForAllRewards, "reward_loss returned (), expected (5,)"),
        (SHAPES, KeepsTheLastAxis, "decode_reward returned (5, 1), expected (5,)"),
        ("test_is_a_world_model", ReadsTwice, "rewards are read twice: by reward_bins and by decode_reward"),
        (DRAWN, IgnoresItsNoise, "sample ignores its noise"),
        (DRAWN, DrawsAroundAnother, "next is not the mean of what sample draws"),
        (DRAWN, SampleCutsActions, "no gradient reaches the actions through sample"),
        ("test_draws_nothing", SamplesByItself, "a method drew from the global random state"),
        (ROWS, SampleMixesRows, "sample mixes rows of the batch"),
        (SHAPES, NoiseForTooMany, "the first entry of sample_noise_shape is not the batch"),
        (CARRIED, ForgetsTheMemory, "observe forgets what was seen"),
        (CARRIED, LooksAway, "observe ignores what is seen"),
        (CARRIED, ForgetsWhatItDid, "observe ignores actions"),
        ("test_leaves_its_inputs_alone", ObservesInPlace, "a method changed its latents in place"),
        (ROWS, ObserveMixesRows, "observe mixes rows of the batch"),
        (SHAPES, ObservesTooMuch, "observe returned (5, 14), expected (5, 13)"),
    ],
)
def test_a_broken_ability_of_a_world_model_is_refused_in_these_words(test, cls, words):
    assert refusal(getattr(MODEL, test), model(cls)) == words


class Blind(torch.nn.Module):
    """Every method of a world model, and no way to read rewards."""


def test_a_world_model_whose_rewards_cannot_be_read_is_refused():
    methods = (
        "encode next reward transition_loss transition_noise_shape constrain task_parameters latent_size initialise"
    )
    for name in methods.split():
        setattr(Blind, name, lambda self: None)
    assert refusal(MODEL.test_is_a_world_model, Blind()) == (
        "rewards cannot be read: reward_bins is missing, or decode_reward and reward_loss"
    )


def test_a_world_model_that_cannot_be_stacked_must_say_so():
    offer = next(one for one in rephase_offers() if one.name == "gaussian-gru")

    class LooksAtParameters(GaussianGRU):
        def observe(self, latent, action, observation, task):
            scale = 1.0 if self._gates[0].bias.sum().item() < 99 else 2.0
            return super().observe(latent, action, observation, task) * scale

    said = refusal(MODEL.test_stacks_or_says_so, lambda: calibrated(LooksAtParameters), offer)
    assert said.startswith("the offer says stackable, vmap says of ")
    MODEL.test_stacks_or_says_so(lambda: calibrated(LooksAtParameters), evolve(offer, stackable=False))
