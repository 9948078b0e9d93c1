"""The kit's rules of everything that is a torch module: drawn from its generator, saved whole."""

from __future__ import annotations

import pytest
import torch
from fakes.refusals import refusal
from rephase_mlp.offers import GaussianPolicyConfig
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


def policy(cls=GaussianPolicy):
    made = cls(GaussianPolicyConfig(units=(8,)), 16, SPACES.action)
    made.initialise(stream(0, "conformance"))
    return made


class InitialisesGlobally(GaussianPolicy):
    def initialise(self, generator):
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.normal_()


class IgnoresGenerator(GaussianPolicy):
    def initialise(self, generator):
        super().initialise(torch.Generator().manual_seed(3))


class KeepsState(GaussianPolicy):
    scale = 1.0

    def initialise(self, generator):
        super().initialise(generator)
        self.scale = float(torch.rand((), generator=generator))

    def mean(self, latent):
        return super().mean(latent) * self.scale


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
