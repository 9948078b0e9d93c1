import math

import pytest
import torch
from rephase_torchdiffeq.adaptive import dopri5
from rephase_torchdiffeq.offers import AdaptiveConfig, rephase_offers

from rephase.engine import integrate
from rephase.testing import IntegratorConformance

pytestmark = pytest.mark.slow


class TestAdaptive(IntegratorConformance):
    @pytest.fixture(params=rephase_offers(), ids=lambda offer: offer.name)
    def offer(self, request):
        return request.param

    @pytest.fixture
    def settings(self):
        return {"rtol": 1e-6, "atol": 1e-8}


def test_tighter_tolerances_give_smaller_errors():
    def error(rtol):
        method = dopri5(AdaptiveConfig(rtol=rtol, atol=rtol))
        end = integrate(method, lambda x, tau: 8 * math.cos(8 * tau) * x, torch.ones(1, dtype=torch.float64), 1)
        return abs(float(end) - math.exp(math.sin(8.0)))

    loose, tight = error(1e-3), error(1e-8)
    assert tight < 1e-5 < loose


def test_the_solver_works_harder_where_the_velocity_does():
    calls = {}

    def evaluations(frequency):
        calls[frequency] = 0

        def velocity(x, tau):
            calls[frequency] += 1
            return frequency * torch.cos(torch.tensor(frequency * tau)) * x

        integrate(dopri5(AdaptiveConfig()), velocity, torch.ones(1), 1)
        return calls[frequency]

    assert evaluations(30.0) > 2 * evaluations(1.0)


@pytest.fixture
def stack():
    """Weights and start states of three runs whose velocities differ much in speed."""
    generator = torch.Generator().manual_seed(0)
    speed = torch.tensor([0.1, 1.0, 4.0], dtype=torch.float64).reshape(3, 1, 1)
    weights = (speed * torch.randn(3, 5, 5, generator=generator, dtype=torch.float64)).requires_grad_()
    return weights, torch.randn(3, 7, 5, generator=generator, dtype=torch.float64).requires_grad_()


def end(weights, x, config):
    return integrate(dopri5(config), lambda x, tau: torch.tanh(x @ weights + tau), x, 2)


def test_a_stack_is_solved_as_each_run_alone_gradients_included(stack):
    config = AdaptiveConfig(rtol=1e-9, atol=1e-9)
    together = torch.func.vmap(lambda weights, x: end(weights, x, config))(*stack)
    alone = torch.stack([end(weights, x, config) for weights, x in zip(*stack, strict=True)])

    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)
    for found, wanted in zip(
        torch.autograd.grad(together.square().sum(), stack),
        torch.autograd.grad(alone.square().sum(), stack),
        strict=True,
    ):
        assert wanted.abs().max() > 0.1
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)


def test_the_axis_of_the_runs_may_be_any(stack):
    config = AdaptiveConfig(rtol=1e-9, atol=1e-9)
    weights, x = stack
    first = torch.func.vmap(lambda weights, x: end(weights, x, config))(weights, x)
    last = torch.func.vmap(lambda weights, x: end(weights, x, config), in_dims=(0, 2))(weights, x.movedim(0, 2))

    torch.testing.assert_close(first, last, rtol=0, atol=0)


def test_a_stack_takes_the_steps_of_its_most_demanding_run():
    frequencies, x = torch.tensor([1.0, 30.0]), torch.ones(2, 4)

    def evaluations(carry):
        calls = []

        def velocity(x, tau, frequency):
            calls.append(tau)
            return frequency * torch.cos(frequency * tau) * x

        carry(lambda frequency, x: integrate(dopri5(AdaptiveConfig()), lambda x, t: velocity(x, t, frequency), x, 1))
        return len(calls)

    alone = [evaluations(lambda end, run=run: end(frequencies[run], x[run])) for run in range(2)]
    together = evaluations(lambda end: torch.func.vmap(end)(frequencies, x))

    assert 2 * alone[0] < alone[1] == together


def test_a_flow_policy_whose_start_is_the_same_for_all_runs_is_stacked(stack):
    weights, _ = stack
    config = AdaptiveConfig(rtol=1e-9, atol=1e-9)
    start = torch.zeros(7, 5, dtype=torch.float64)
    together = torch.func.vmap(lambda weights: end(weights, start, config))(weights)
    alone = torch.stack([end(one, start, config) for one in weights])

    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)
