import pytest
from rephase_template.offers import rephase_offers

from rephase.testing import IntegratorConformance


class TestTemplate(IntegratorConformance):
    @pytest.fixture
    def offer(self):
        return rephase_offers()[0]
