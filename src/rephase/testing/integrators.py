"""What every integrator must do, as tests.

The test problem is dx/dtau = a cos(omega tau) x, whose solution x(0) exp(a sin(omega) / omega) is known: it depends on
tau, so that a method that looks at the wrong times shows a lower order, which a straight line would not tell. Several
frequencies are solved at once, because the error of one alone may change sign between two step sizes.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from rephase.engine import integrate
from rephase.plugins import Kind, Offer
from rephase.protocols import Integrator
from rephase.testing.offers import OfferConformance, built_config

__all__ = ["IntegratorConformance"]

_RATE, _FREQUENCIES = 1.5, (1.0, 2.0, 3.0, 4.0)
_ADAPTIVE = 1e-3
"""Relative error an integrator that chooses its own evaluations must stay below."""


class IntegratorConformance(OfferConformance):
    """Tests of an integrator; supply the fixture ``offer``, and ``settings`` where defaults do not do."""

    @pytest.fixture
    def integrator(self, offer: Offer, settings: dict[str, Any]) -> Integrator:
        """The integrator as the engine would build it."""
        assert offer.kind is Kind.INTEGRATOR, f"the offer is a {offer.kind}, not an integrator"
        built: Integrator = offer.load()(built_config(offer, settings))
        return built

    def test_is_an_integrator(self, integrator: Integrator) -> None:
        """Every method of the protocol is there, with its arguments."""
        assert isinstance(integrator, Integrator), "a method of rephase.protocols.Integrator is missing"
        order = integrator.order()
        assert isinstance(order, int) and order >= 1, f"order() must be a whole number of at least 1, found {order!r}"

    def test_converges_at_its_order(self, integrator: Integrator) -> None:
        """Halving the step divides the error by two to the order; a self-stepping method is accurate outright."""
        if integrator.evaluations_per_step() is None:
            error = _error(integrator, 1)
            assert error < _ADAPTIVE, f"relative error {error:.1e} in one step, expected below {_ADAPTIVE:.0e}"
            return
        steps = (32, 64, 128)
        errors = [_error(integrator, count) for count in steps]
        slope = math.log(errors[0] / errors[-1]) / math.log(steps[-1] / steps[0])
        declared = integrator.order()
        assert abs(slope - declared) < 0.35, f"declares order {declared}, converges at order {slope:.2f}"

    def test_is_exact_where_its_order_says_so(self, integrator: Integrator) -> None:
        """A velocity tau^k is integrated exactly for every k below the order."""
        tolerance = 1e-4 if integrator.evaluations_per_step() is None else 1e-12
        for power in range(integrator.order()):
            start = torch.zeros(2, dtype=torch.float64)
            end = integrate(integrator, lambda x, tau, k=power: torch.full_like(x, float(tau) ** k), start, 1)  # type: ignore[misc]
            error = float((end - 1 / (power + 1)).abs().max())
            assert error < tolerance, f"one step of velocity tau^{power} is off by {error:.1e}"

    def test_evaluates_as_often_as_it_declares(self, integrator: Integrator) -> None:
        """One step calls the velocity `evaluations_per_step` times."""
        declared = integrator.evaluations_per_step()
        calls = 0

        def velocity(x: Tensor, tau: float) -> Tensor:
            nonlocal calls
            calls += 1
            return -x

        integrator.step(velocity, torch.ones(3), 0.0, 0.5)
        if declared is None:
            assert calls >= 1, "one step never called the velocity"
        else:
            assert calls == declared, f"declares {declared} evaluations a step, made {calls}"

    def test_looks_only_within_the_step(self, integrator: Integrator) -> None:
        """The velocity is never asked for outside [tau, tau + dtau]."""
        seen: list[float] = []

        def velocity(x: Tensor, tau: float) -> Tensor:
            seen.append(float(tau))
            return -x

        integrator.step(velocity, torch.ones(3), 0.25, 0.5)
        outside = [tau for tau in seen if not 0.25 - 1e-6 <= tau <= 0.75 + 1e-6]
        assert not outside, f"a step from 0.25 to 0.75 looked at tau = {outside[0]}"

    def test_leaves_its_input_alone(self, integrator: Integrator) -> None:
        """The state passed in keeps its numbers."""
        x = torch.linspace(-1, 1, 6).reshape(2, 3)
        before = x.clone()
        integrator.step(lambda x, tau: torch.cos(x), x, 0.0, 0.5)
        assert torch.equal(x, before), "step changed its input in place"

    def test_keeps_shape_and_type(self, integrator: Integrator) -> None:
        """The new state has the shape and dtype of the old one."""
        for dtype in (torch.float32, torch.float64):
            x = torch.ones(2, 3, 4, dtype=dtype)
            found = integrator.step(lambda x, tau: -x, x, 0.0, 0.5)
            assert found.shape == x.shape, f"shape {tuple(x.shape)} became {tuple(found.shape)}"
            assert found.dtype == dtype, f"{dtype} became {found.dtype}"

    def test_draws_nothing(self, integrator: Integrator) -> None:
        """The global random state is as it was, and two steps from one state agree."""
        before = torch.get_rng_state()
        first, second = (integrator.step(lambda x, tau: -x, torch.ones(4), 0.0, 0.5) for _ in range(2))
        assert torch.equal(before, torch.get_rng_state()), "step drew from the global random state"
        assert torch.equal(first, second), "two steps from one state differ"

    def test_every_leading_dimension_is_a_batch(self, integrator: Integrator, offer: Offer) -> None:
        """A batch of states goes where each of them goes alone; a method that is not stackable may choose its steps."""
        if not offer.stackable:
            return
        states = torch.linspace(-1, 1, 24, dtype=torch.float64).reshape(2, 3, 4)

        def end(x: Tensor) -> Tensor:
            return integrate(integrator, lambda y, tau: torch.sin(y + float(tau)), x, 2)

        alone = torch.stack([torch.stack([end(state) for state in row]) for row in states])
        tolerance = 1e-4 if integrator.evaluations_per_step() is None else 1e-12
        assert torch.allclose(end(states), alone, rtol=0, atol=tolerance), "step mixes the states of a batch"

    def test_gradients_flow(self, integrator: Integrator) -> None:
        """Derivatives with respect to the state and to what the velocity closes over match finite differences."""
        x = torch.tensor([0.3, -0.7], dtype=torch.float64, requires_grad=True)
        rate = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)

        def end(x: Tensor, rate: Tensor) -> Tensor:
            return integrate(integrator, lambda y, tau: rate * torch.sin(y + float(tau)), x, 2)

        # A method that chooses its own steps is only as smooth as its tolerance, so it is probed more coarsely.
        eps, tolerance = (1e-3, 1e-2) if integrator.evaluations_per_step() is None else (1e-6, 1e-6)
        assert torch.autograd.gradcheck(
            end, (x, rate), eps=eps, atol=tolerance, rtol=tolerance, raise_exception=False
        ), "gradients do not match finite differences"

    def test_stacks_or_says_so(self, integrator: Integrator, offer: Offer) -> None:
        """Where the offer says stackable, many states under vmap give what each gives alone."""
        if not offer.stackable:
            return
        states = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(3, 4)

        def end(x: Tensor) -> Tensor:
            return integrate(integrator, lambda y, tau: torch.sin(y + float(tau)), x, 2)

        try:
            together = torch.func.vmap(end)(states)
        except (RuntimeError, ValueError, NotImplementedError) as error:
            pytest.fail(f"the offer says stackable, vmap says: {error}", pytrace=False)
        alone = torch.stack([end(state) for state in states])
        tolerance = 1e-4 if integrator.evaluations_per_step() is None else 1e-12
        assert torch.allclose(together, alone, rtol=0, atol=tolerance), "stacked states differ from lone ones"


def _error(integrator: Integrator, substeps: int) -> float:
    """Largest relative error over the test problems, solved side by side, at tau = 1."""
    frequency = torch.tensor(_FREQUENCIES, dtype=torch.float64)
    x = torch.ones_like(frequency)
    end = integrate(integrator, lambda x, tau: _RATE * torch.cos(frequency * float(tau)) * x, x, substeps)
    exact = torch.exp(_RATE * torch.sin(frequency) / frequency)
    return float(((end - exact) / exact).abs().max())
