from __future__ import annotations

import math

import pytest
import torch
from rephase_euler.euler import Euler, build
from rephase_euler.offers import EulerConfig, rephase_offers

from rephase.engine import integrate
from rephase.plugins import Kind
from rephase.protocols import Integrator


def test_it_is_offered_and_built_from_its_offer():
    (offer,) = rephase_offers()
    assert (offer.kind, offer.name, offer.takes_integrator) == (Kind.INTEGRATOR, "euler", False)
    built = offer.load()(offer.config())
    assert isinstance(built, Euler)
    assert isinstance(built, Integrator)
    assert (built.order(), built.evaluations_per_step()) == (1, 1)


def test_one_step_follows_the_velocity_at_its_start():
    found = build(EulerConfig()).step(lambda x, tau: x * tau, torch.tensor([2.0, -4.0]), 0.5, 0.25)
    assert found.tolist() == [2.25, -4.5]


def test_it_changes_nothing_in_place():
    x = torch.tensor([1.0, 2.0])
    build(EulerConfig()).step(lambda y, tau: y, x, 0.0, 0.5)
    assert x.tolist() == [1.0, 2.0]


def test_its_measured_order_is_one():
    """On an oscillation with known solution: x'' = -(2 pi)^2 x over an eighth more than a period."""
    speed = 2.25 * math.pi

    def velocity(x, tau):
        return torch.stack([speed * x[1], -speed * x[0]])

    start = torch.tensor([1.0, 0.0], dtype=torch.float64)
    exact = torch.tensor([math.cos(speed), -math.sin(speed)], dtype=torch.float64)
    errors = [(integrate(Euler(), velocity, start, steps) - exact).norm().item() for steps in (4000, 8000)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(1, abs=0.02)


def test_growth_is_the_compound_interest_formula():
    found = integrate(Euler(), lambda x, tau: x, torch.ones(1, dtype=torch.float64), 10)
    assert found.item() == pytest.approx(1.1**10, rel=1e-14)
