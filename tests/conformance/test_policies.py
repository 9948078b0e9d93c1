"""The kit on policies that are broken on purpose, one for each rule."""

from __future__ import annotations

import pytest
import torch
from attrs import evolve
from fakes.refusals import refusal
from rephase_mlp.offers import GaussianPolicyConfig, rephase_offers
from rephase_mlp.policy import GaussianPolicy

from rephase.engine.seeding import stream
from rephase.testing import IntegratorConformance, OfferConformance, PolicyConformance, WorldModelConformance
from rephase.testing.modules import SPACES

INTEGRATOR, POLICY, MODEL, OFFER = (
    IntegratorConformance(),
    PolicyConformance(),
    WorldModelConformance(),
    OfferConformance(),
)


WORLD_MODEL_OFFER, POLICY_OFFER, _ = rephase_offers()


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


class Overflows(GaussianPolicy):
    def mean(self, latent):
        return super().mean(latent) / 0


class SinglePrecision(GaussianPolicy):
    def mean(self, latent):
        return super().mean(latent).float()

    def act(self, latent, noise):
        return self.mean(latent)


class CannotStack(GaussianPolicy):
    def mean(self, latent):
        return super().mean(latent) * (1.0 if self.logstd.sum().item() < 100 else 2.0)


class KnowsNoCopies(GaussianPolicy):
    of_copies = ("mean",)

    def mean(self, latent):
        return super().mean(latent) * self.mu_net[0].bias.sum()


class NamesTooMuch(GaussianPolicy):
    of_copies = ("mean", "spread")


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
        (KnowsNoCopies, "mean of copies at once differs from mean of each alone"),
        (NamesTooMuch, "of_copies names spread, and may name act and mean"),
    ],
)
def test_a_policy_that_takes_no_copies_must_not_name_it(cls, words):
    assert refusal(POLICY.test_takes_copies_at_once_where_it_says_so, lambda: policy(cls)) == words


def test_a_policy_that_cannot_be_stacked_must_say_so():
    def build():
        return CannotStack(GaussianPolicyConfig(units=(8,)), 16, SPACES.action)

    assert refusal(POLICY.test_stacks_or_says_so, build, POLICY_OFFER).startswith(
        "the offer says stackable, vmap says of act: "
    )
    POLICY.test_stacks_or_says_so(build, evolve(POLICY_OFFER, stackable=False))
