import math

import pytest
import torch
from rephase_torchdiffeq.adaptive import dopri5
from rephase_torchdiffeq.offers import AdaptiveConfig, rephase_offers

from rephase.engine import integrate
from rephase.testing import IntegratorConformance


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
