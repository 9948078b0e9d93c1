from __future__ import annotations

import math

import pytest
import torch
from rephase_euler.euler import Euler
from rephase_rk.methods import HEUN, MIDPOINT, RK4
from rephase_rk.runge_kutta import RungeKutta

from rephase.engine import integrate

METHODS = {"euler": Euler(), "heun": RungeKutta(HEUN), "midpoint": RungeKutta(MIDPOINT), "rk4": RungeKutta(RK4)}


class Recorder:
    """Notes where in time it is stepped."""

    def __init__(self):
        self.steps = []

    def step(self, velocity, x, tau, dtau):
        self.steps.append((tau, dtau))
        return x + dtau * velocity(x, tau)

    def order(self):
        return 1

    def evaluations_per_step(self):
        return 1


@pytest.mark.parametrize("substeps", [1, 2, 3, 7])
def test_steps_are_equal_and_cover_the_unit_interval(substeps):
    recorder = Recorder()
    integrate(recorder, lambda x, tau: x, torch.ones(2), substeps)
    assert len(recorder.steps) == substeps
    for index, (tau, dtau) in enumerate(recorder.steps):
        assert tau == pytest.approx(index / substeps, abs=1e-15)
        assert dtau == 1 / substeps


@pytest.mark.parametrize("name", METHODS)
def test_a_constant_velocity_is_followed_exactly(name):
    x = torch.tensor([1.0, -2.0], dtype=torch.float64)
    end = integrate(METHODS[name], lambda x, tau: torch.full_like(x, 0.5), x, 4)
    torch.testing.assert_close(end, x + 0.5, rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", METHODS)
def test_counts_of_evaluations_are_those_announced(name):
    calls = []

    def velocity(x, tau):
        calls.append(tau)
        return x

    integrate(METHODS[name], velocity, torch.ones(1), 5)
    assert len(calls) == 5 * METHODS[name].evaluations_per_step()
    assert all(0 <= tau <= 1 for tau in calls)


@pytest.mark.parametrize("name", METHODS)
def test_gradients_flow_through_the_start_and_the_velocity(name):
    x = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    rate = torch.tensor(-0.3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda x, rate: integrate(METHODS[name], lambda y, tau: rate * y * (1 + tau), x, 3), (x, rate)
    )


def test_exponential_growth_by_heun_has_the_textbook_value():
    end = integrate(METHODS["heun"], lambda x, tau: x, torch.ones(1, dtype=torch.float64), 4)
    assert end.item() == pytest.approx((1 + 0.25 + 0.25**2 / 2) ** 4, rel=1e-14)
    assert abs(end.item() - math.e) < 0.025
