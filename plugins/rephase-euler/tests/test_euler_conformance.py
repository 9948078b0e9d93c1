import pytest
from rephase_euler.offers import rephase_offers

from rephase.testing import IntegratorConformance


class TestEuler(IntegratorConformance):
    @pytest.fixture
    def offer(self):
        return rephase_offers()[0]
