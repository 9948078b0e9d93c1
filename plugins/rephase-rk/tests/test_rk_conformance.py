import pytest
from rephase_rk.offers import rephase_offers

from rephase.testing import IntegratorConformance


class TestRungeKutta(IntegratorConformance):
    @pytest.fixture(params=rephase_offers(), ids=lambda offer: offer.name)
    def offer(self, request):
        return request.param
