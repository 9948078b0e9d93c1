from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from rephase_rk.methods import HEUN, MIDPOINT, RK4
from rephase_rk.offers import rephase_offers
from rephase_rk.runge_kutta import ButcherTableau, RungeKutta

from rephase.engine import integrate
from rephase.plugins import Kind
from rephase.protocols import Integrator

TABLEAUS = {"heun": HEUN, "midpoint": MIDPOINT, "rk4": RK4}


def elementary(tableau):
    """Both sides of Butcher's order conditions, in exact arithmetic, by the order they are needed for."""
    b, c = tableau.weights, tableau.nodes
    stages = range(len(b))
    a = [[row[j] if j < len(row) else Fraction(0) for j in stages] for row in tableau.stages]
    through = [sum(a[i][j] * c[j] for j in stages) for i in stages]
    twice = [sum(a[i][j] * c[j] ** 2 for j in stages) for i in stages]
    thrice = [sum(a[i][j] * through[j] for j in stages) for i in stages]
    weigh = lambda values: sum(weight * value for weight, value in zip(b, values, strict=True))  # noqa: E731
    return {
        1: [(sum(b), Fraction(1))],
        2: [(weigh(c), Fraction(1, 2))],
        3: [(weigh([x**2 for x in c]), Fraction(1, 3)), (weigh(through), Fraction(1, 6))],
        4: [
            (weigh([x**3 for x in c]), Fraction(1, 4)),
            (weigh([x * y for x, y in zip(c, through, strict=True)]), Fraction(1, 8)),
            (weigh(twice), Fraction(1, 12)),
            (weigh(thrice), Fraction(1, 24)),
        ],
    }


@pytest.mark.parametrize("name", TABLEAUS)
def test_order_conditions_hold_exactly_up_to_the_order_and_not_beyond(name):
    tableau = TABLEAUS[name]
    conditions = elementary(tableau)
    for order in range(1, tableau.order + 1):
        assert all(left == right for left, right in conditions[order])
    if tableau.order < 4:
        assert any(left != right for left, right in conditions[tableau.order + 1])


@pytest.mark.parametrize("name", TABLEAUS)
def test_measured_order_on_an_oscillation_that_depends_on_time(name):
    """x' = w(tau) J x turns by the integral of w, so that nodes matter as well as weights."""

    def velocity(x, tau):
        speed = 2 * math.pi * (1 + tau)
        return torch.stack([speed * x[1], -speed * x[0]])

    angle = 2 * math.pi * 1.5
    exact = torch.tensor([math.cos(angle), -math.sin(angle)], dtype=torch.float64)
    start = torch.tensor([1.0, 0.0], dtype=torch.float64)
    method = RungeKutta(TABLEAUS[name])
    errors = [(integrate(method, velocity, start, steps) - exact).norm().item() for steps in (200, 400)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(method.order(), abs=0.1)


@pytest.mark.parametrize("name", TABLEAUS)
def test_polynomials_of_degree_below_the_order_are_integrated_exactly(name):
    method = RungeKutta(TABLEAUS[name])
    for degree in range(method.order()):
        found = integrate(
            method, lambda x, tau, degree=degree: torch.full_like(x, tau**degree), torch.zeros(1).double(), 3
        )
        assert found.item() == pytest.approx(1 / (degree + 1), rel=1e-13)


@pytest.mark.parametrize("name", TABLEAUS)
def test_nothing_is_changed_in_place_and_leading_axes_are_a_batch(name):
    method = RungeKutta(TABLEAUS[name])
    x = torch.randn(2, 3, 4, dtype=torch.float64)
    before = x.clone()
    seen = []

    def velocity(y, tau):
        seen.append((y, y.clone()))
        return torch.sin(y) * (1 + tau)

    found = method.step(velocity, x, 0.2, 0.3)
    assert torch.equal(x, before)
    assert all(torch.equal(given, copy) for given, copy in seen)
    torch.testing.assert_close(found[1, 2], method.step(velocity, x[1, 2], 0.2, 0.3))
    assert len(seen) == 2 * method.evaluations_per_step()


def test_heun_is_the_trapezoidal_rule_written_out():
    velocity = lambda x, tau: x * x + tau  # noqa: E731
    x, tau, d = torch.tensor(0.3, dtype=torch.float64), 0.5, 0.25
    first = velocity(x, tau)
    wanted = x + d / 2 * (first + velocity(x + d * first, tau + d))
    torch.testing.assert_close(RungeKutta(HEUN).step(velocity, x, tau, d), wanted, rtol=1e-15, atol=0)


@pytest.mark.parametrize(
    ("stages", "weights", "message"),
    [
        (((Fraction(1),),), (Fraction(1),), "stage 0 of an explicit tableau has 0 coefficients, found 1"),
        (((), ()), (Fraction(1), Fraction(0)), "stage 1 of an explicit tableau has 1 coefficients, found 0"),
        (((),), (Fraction(1), Fraction(0)), "1 stages want 1 weights, found 2"),
        (((),), (Fraction(1, 2),), "weights sum to 1, found 1/2"),
    ],
)
def test_a_tableau_that_cannot_be_is_refused(stages, weights, message):
    with pytest.raises(ValueError) as caught:
        ButcherTableau(1, stages, weights)
    assert str(caught.value) == message


def test_all_three_are_offered_and_built_from_their_offers():
    offers = {offer.name: offer for offer in rephase_offers()}
    assert offers.keys() == TABLEAUS.keys()
    for name, offer in offers.items():
        assert offer.kind is Kind.INTEGRATOR
        built = offer.load()(offer.config())
        assert isinstance(built, Integrator)
        assert built.order() == TABLEAUS[name].order
        assert built.evaluations_per_step() == len(TABLEAUS[name].weights)
