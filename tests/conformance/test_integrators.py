"""The kit on integrators that are broken on purpose, one for each rule."""

from __future__ import annotations

import pytest
import torch
from attrs import evolve
from fakes.refusals import refusal
from rephase_euler.euler import Euler
from rephase_euler.offers import EulerConfig
from rephase_rk.methods import HEUN, RK4
from rephase_rk.runge_kutta import ButcherTableau, RungeKutta

from rephase.plugins import Kind, Offer
from rephase.testing import IntegratorConformance, OfferConformance, PolicyConformance, WorldModelConformance

INTEGRATOR, POLICY, MODEL, OFFER = (
    IntegratorConformance(),
    PolicyConformance(),
    WorldModelConformance(),
    OfferConformance(),
)


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


class MixesStates(Euler):
    def step(self, velocity, x, tau, dtau):
        slope = velocity(x, tau)
        return x + dtau * (slope - slope.mean())


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


def test_an_integrator_that_mixes_states_must_say_that_it_cannot_be_stacked():
    words = refusal(INTEGRATOR.test_every_leading_dimension_is_a_batch, MixesStates(), INTEGRATOR_OFFER)
    assert words == "step mixes the states of a batch"
    INTEGRATOR.test_every_leading_dimension_is_a_batch(MixesStates(), evolve(INTEGRATOR_OFFER, stackable=False))


def test_an_integrator_that_cannot_be_stacked_must_say_so():
    words = refusal(INTEGRATOR.test_stacks_or_says_so, AsksForNumbers(), INTEGRATOR_OFFER)
    assert words.startswith("the offer says stackable, vmap says: ")
    INTEGRATOR.test_stacks_or_says_so(AsksForNumbers(), evolve(INTEGRATOR_OFFER, stackable=False))


def test_a_tableau_with_wrong_weights_is_caught_by_its_order():
    lopsided = ButcherTableau(2, HEUN.stages, (HEUN.weights[0] / 2, 1 - HEUN.weights[0] / 2))
    assert refusal(INTEGRATOR.test_converges_at_its_order, RungeKutta(lopsided)).startswith(
        "declares order 2, converges"
    )
