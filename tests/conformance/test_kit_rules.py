"""The kit on parts that are broken on purpose, one for each rule, with the words a plugin author would read."""

from __future__ import annotations

import importlib.metadata

import pytest
import torch
from attrs import evolve
from rephase_euler.euler import Euler
from rephase_euler.offers import EulerConfig
from rephase_mlp.offers import GaussianPolicyConfig, MLPWorldModelConfig, rephase_offers
from rephase_mlp.policy import GaussianPolicy
from rephase_mlp.world_model import MLPWorldModel
from rephase_rk.methods import HEUN, RK4
from rephase_rk.runge_kutta import ButcherTableau, RungeKutta

from rephase.engine.seeding import stream
from rephase.errors import UnknownName
from rephase.plugins import Kind, Offer
from rephase.testing import IntegratorConformance, OfferConformance, PolicyConformance, WorldModelConformance
from rephase.testing.modules import SPACES

INTEGRATOR, POLICY, MODEL, OFFER = (
    IntegratorConformance(),
    PolicyConformance(),
    WorldModelConformance(),
    OfferConformance(),
)
WORLD_MODEL_OFFER, POLICY_OFFER, _ = rephase_offers()


def refusal(test, *arguments):
    """First line of what a kit test says about a broken part."""
    with pytest.raises((AssertionError, pytest.fail.Exception)) as caught:
        test(*arguments)
    return str(caught.value).splitlines()[0]


class LooksLate(RungeKutta):
    """Runge's RK4 with all nodes at the start of the step: right on straight lines, of order one here."""

    def __init__(self):
        super().__init__(RK4)
        self._nodes = [0.0] * 4


class ClaimsMore(Euler):
    def order(self):
        return 2


class EvaluatesTwice(Euler):
    def step(self, velocity, x, tau, dtau):
        velocity(x, tau)
        return super().step(velocity, x, tau, dtau)


class LooksBeyond(Euler):
    def step(self, velocity, x, tau, dtau):
        return x + dtau * velocity(x, tau + 2 * dtau)


class ChangesInPlace(Euler):
    def step(self, velocity, x, tau, dtau):
        return x.add_(dtau * velocity(x, tau))


class DropsType(Euler):
    def step(self, velocity, x, tau, dtau):
        return super().step(velocity, x, tau, dtau).float()


class Flattens(Euler):
    def step(self, velocity, x, tau, dtau):
        return super().step(velocity, x, tau, dtau).flatten()


class Draws(Euler):
    def step(self, velocity, x, tau, dtau):
        return super().step(velocity, x, tau, dtau) + 1e-9 * torch.rand(())


class Detaches(Euler):
    def step(self, velocity, x, tau, dtau):
        return x + dtau * velocity(x.detach(), tau)


class AsksForNumbers(Euler):
    def step(self, velocity, x, tau, dtau):
        assert x.sum().item() is not None
        return super().step(velocity, x, tau, dtau)


class Orderless(Euler):
    def order(self):
        return 1.5


class Stepless:
    def order(self):
        return 1

    def evaluations_per_step(self):
        return 1


INTEGRATOR_OFFER = Offer(
    kind=Kind.INTEGRATOR, name="euler", summary="summary", config=EulerConfig, loader="rephase_euler.euler:build"
)


@pytest.mark.parametrize(
    ("test", "part", "words"),
    [
        ("test_is_an_integrator", Stepless(), "a method of rephase.protocols.Integrator is missing"),
        ("test_is_an_integrator", Orderless(), "order() must be a whole number of at least 1, found 1.5"),
        ("test_converges_at_its_order", ClaimsMore(), "declares order 2, converges at order 1.01"),
        ("test_converges_at_its_order", LooksLate(), "declares order 4, converges at order 1.01"),
        ("test_is_exact_where_its_order_says_so", ClaimsMore(), "one step of velocity tau^1 is off by 5.0e-01"),
        ("test_evaluates_as_often_as_it_declares", EvaluatesTwice(), "declares 1 evaluations a step, made 2"),
        ("test_looks_only_within_the_step", LooksBeyond(), "a step from 0.25 to 0.75 looked at tau = 1.25"),
        ("test_leaves_its_input_alone", ChangesInPlace(), "step changed its input in place"),
        ("test_keeps_shape_and_type", DropsType(), "torch.float64 became torch.float32"),
        ("test_keeps_shape_and_type", Flattens(), "shape (2, 3, 4) became (24,)"),
        ("test_draws_nothing", Draws(), "step drew from the global random state"),
        ("test_gradients_flow", Detaches(), "gradients do not match finite differences"),
    ],
)
def test_a_broken_integrator_is_refused_in_these_words(test, part, words):
    assert refusal(getattr(INTEGRATOR, test), part) == words


def test_an_integrator_that_cannot_be_stacked_must_say_so():
    words = refusal(INTEGRATOR.test_stacks_or_says_so, AsksForNumbers(), INTEGRATOR_OFFER)
    assert words.startswith("the offer says stackable, vmap says: ")
    INTEGRATOR.test_stacks_or_says_so(AsksForNumbers(), evolve(INTEGRATOR_OFFER, stackable=False))


def test_a_tableau_with_wrong_weights_is_caught_by_its_order():
    lopsided = ButcherTableau(2, HEUN.stages, (HEUN.weights[0] / 2, 1 - HEUN.weights[0] / 2))
    assert refusal(INTEGRATOR.test_converges_at_its_order, RungeKutta(lopsided)).startswith(
        "declares order 2, converges"
    )


def policy(cls=GaussianPolicy):
    made = cls(GaussianPolicyConfig(units=(8,)), 16, SPACES.action)
    made.initialise(stream(0, "conformance"))
    return made


class DrawsNoise(GaussianPolicy):
    def act(self, latent, noise):
        return self.mean(latent) + torch.randn_like(noise)


class IgnoresNoise(GaussianPolicy):
    def act(self, latent, noise):
        return self.mean(latent) + 0 * noise * self.logstd


class MixesRows(GaussianPolicy):
    def mean(self, latent):
        return super().mean(latent - latent.mean(0))


class WrongWidth(GaussianPolicy):
    def mean(self, latent):
        return super().mean(latent)[:, :2]

    def act(self, latent, noise):
        return self.mean(latent)


class ForgetsAParameter(GaussianPolicy):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.idle = torch.nn.Parameter(torch.ones(2))


class HasNoFloorOnce(GaussianPolicy):
    def constrain(self):
        with torch.no_grad():
            self.logstd.sub_(0.1)


class InitialisesGlobally(GaussianPolicy):
    def initialise(self, generator):
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.normal_()


class IgnoresGenerator(GaussianPolicy):
    def initialise(self, generator):
        super().initialise(torch.Generator().manual_seed(3))


class Overflows(GaussianPolicy):
    def mean(self, latent):
        return super().mean(latent) / 0


class SinglePrecision(GaussianPolicy):
    def mean(self, latent):
        return super().mean(latent).float()

    def act(self, latent, noise):
        return self.mean(latent)


class KeepsState(GaussianPolicy):
    scale = 1.0

    def initialise(self, generator):
        super().initialise(generator)
        self.scale = float(torch.rand((), generator=generator))

    def mean(self, latent):
        return super().mean(latent) * self.scale


class CannotStack(GaussianPolicy):
    def mean(self, latent):
        return super().mean(latent) * (1.0 if self.logstd.sum().item() < 100 else 2.0)


@pytest.mark.parametrize(
    ("test", "cls", "words"),
    [
        ("test_draws_nothing", DrawsNoise, "a method drew from the global random state"),
        ("test_noise_decides_the_sample", IgnoresNoise, "act ignores its noise"),
        ("test_every_row_stands_alone", MixesRows, "act mixes rows of the batch"),
        ("test_actions_have_the_right_shape", WrongWidth, "act returned (5, 2), expected (5, 3)"),
        ("test_gradients_reach_every_parameter", ForgetsAParameter, "no gradient reaches idle"),
        (
            "test_constraining_twice_is_constraining_once",
            HasNoFloorOnce,
            "constraining a second time changes the parameters",
        ),
        ("test_is_finite", Overflows, "act is not finite"),
        (
            "test_computes_in_the_type_of_its_parameters",
            SinglePrecision,
            "act returned torch.float32 for a float64 part",
        ),
    ],
)
def test_a_broken_policy_is_refused_in_these_words(test, cls, words):
    assert refusal(getattr(POLICY, test), policy(cls)) == words


@pytest.mark.parametrize(
    ("cls", "words"),
    [
        (InitialisesGlobally, "initialise drew from the global random state"),
        (IgnoresGenerator, "the generator is not used"),
    ],
)
def test_initialisation_must_come_from_the_generator(cls, words):
    def build():
        return cls(GaussianPolicyConfig(units=(8,)), 16, SPACES.action)

    assert refusal(POLICY.test_initialises_from_its_generator_alone, build) == words


def test_what_is_not_saved_is_missed():
    def build():
        return KeepsState(GaussianPolicyConfig(units=(8,)), 16, SPACES.action)

    words = refusal(POLICY.test_saves_and_loads, policy(KeepsState), build)
    assert words == "act differs after saving and loading"


def test_a_policy_that_cannot_be_stacked_must_say_so():
    def build():
        return CannotStack(GaussianPolicyConfig(units=(8,)), 16, SPACES.action)

    assert refusal(POLICY.test_stacks_or_says_so, build, POLICY_OFFER).startswith(
        "the offer says stackable, vmap says of act: "
    )
    POLICY.test_stacks_or_says_so(build, evolve(POLICY_OFFER, stackable=False))


def model(cls=MLPWorldModel):
    sizes = MLPWorldModelConfig(latent_size=16, encoder_units=(8,), units=(8,), task_size=4, bins=5)
    made = cls(sizes, SPACES)
    made.initialise(stream(0, "conformance"))
    return made


class ForgetsTasks(MLPWorldModel):
    def encode(self, observation, task):
        return super().encode(observation, torch.zeros_like(task))


class ForgetsActions(MLPWorldModel):
    def next(self, latent, action, task):
        return super().next(latent, torch.zeros_like(action), task)


class LossForEachRow(MLPWorldModel):
    def transition_loss(self, latent, target, action, task, noise):
        return (self.next(latent, action, task) - target).square().mean(-1)


class NormalisesTheBatch(MLPWorldModel):
    def reward(self, latent, action, task):
        logits = super().reward(latent, action, task)
        return logits + latent.mean(-2, keepdim=True)[..., :1]


class ShortensEveryTask(MLPWorldModel):
    def constrain(self, task):
        super().constrain(torch.arange(3))


class WritesIntoLatents(MLPWorldModel):
    def next(self, latent, action, task):
        result = super().next(latent, action, task)
        latent.data.mul_(0.5)
        return result


class NamesStrangers(MLPWorldModel):
    def task_parameters(self):
        return ("_no_such.weight",)


class CutsTheChain(MLPWorldModel):
    def next(self, latent, action, task):
        return super().next(latent.detach(), action, task)


class BinsDown(MLPWorldModel):
    def reward_bins(self):
        return super().reward_bins().flip(0)


@pytest.mark.parametrize(
    ("test", "cls", "words"),
    [
        ("test_action_and_task_matter", ForgetsTasks, "encode ignores tasks"),
        ("test_action_and_task_matter", ForgetsActions, "next ignores actions"),
        ("test_results_have_the_right_shape", LossForEachRow, "transition_loss returned (5,), expected ()"),
        ("test_results_have_the_right_shape", BinsDown, "reward_bins does not increase"),
        ("test_every_row_stands_alone", NormalisesTheBatch, "reward mixes rows of the batch"),
        (
            "test_constrains_only_the_tasks_in_use_and_only_once",
            ShortensEveryTask,
            "constrain changed other tasks in _task_emb.weight",
        ),
        ("test_leaves_its_inputs_alone", WritesIntoLatents, "a method changed its latents in place"),
        (
            "test_names_its_task_parameters",
            NamesStrangers,
            "task_parameters names ['_no_such.weight'], which are no parameters",
        ),
        ("test_gradients_reach_every_parameter", CutsTheChain, "no gradient reaches _encoder.0.weight"),
    ],
)
def test_a_broken_world_model_is_refused_in_these_words(test, cls, words):
    assert refusal(getattr(MODEL, test), model(cls)) == words


def test_a_broken_offer_is_refused_in_these_words():
    stranger = evolve(INTEGRATOR_OFFER, name="nobody-knows")
    with pytest.raises(UnknownName, match="unknown integrator 'nobody-knows'"):
        OFFER.test_is_installed(stranger)
    claimed = evolve(INTEGRATOR_OFFER, summary="another")
    version = importlib.metadata.version("rephase-euler")
    assert refusal(OFFER.test_is_installed, claimed) == (
        f"another integrator named 'euler' is installed by rephase-euler {version}"
    )
    assert refusal(OFFER.test_says_what_it_is_in_one_line, evolve(INTEGRATOR_OFFER, summary=" ")) == (
        "the summary is empty"
    )
    assert refusal(OFFER.test_says_what_it_is_in_one_line, evolve(INTEGRATOR_OFFER, summary="a\nb")) == (
        "the summary is longer than one line of 100"
    )
    heavy = evolve(INTEGRATOR_OFFER, config=type("Config", (), {"__module__": "rephase_euler.euler_torch"}))
    assert refusal(OFFER.test_is_listed_without_torch, heavy).startswith("rephase_euler.euler_torch needs torch")


def test_offers_of_another_kind_are_refused():
    with pytest.raises(AssertionError, match="the offer is a policy, not an integrator"):
        IntegratorConformance.integrator.__wrapped__(INTEGRATOR, POLICY_OFFER, {})
