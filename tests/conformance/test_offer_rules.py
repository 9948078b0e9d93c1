"""The kit on parts that are broken on purpose, one for each rule, with the words a plugin author would read."""

from __future__ import annotations

import importlib.metadata

import pytest
from attrs import evolve
from fakes.refusals import refusal
from rephase_euler.offers import EulerConfig
from rephase_mlp.offers import rephase_offers

from rephase.errors import UnknownName
from rephase.plugins import Kind, Offer
from rephase.testing import IntegratorConformance, OfferConformance, PolicyConformance, WorldModelConformance

INTEGRATOR, POLICY, MODEL, OFFER = (
    IntegratorConformance(),
    PolicyConformance(),
    WorldModelConformance(),
    OfferConformance(),
)


WORLD_MODEL_OFFER, POLICY_OFFER, _ = rephase_offers()


INTEGRATOR_OFFER = Offer(
    kind=Kind.INTEGRATOR, name="euler", summary="summary", config=EulerConfig, loader="rephase_euler.euler:build"
)


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
