import pytest
from rephase_flow.offers import rephase_offers

from rephase.testing import PolicyConformance, WorldModelConformance

WORLD_MODEL, POLICY = rephase_offers()


class TestFlowWorldModel(WorldModelConformance):
    @pytest.fixture
    def offer(self):
        return WORLD_MODEL

    @pytest.fixture(params=["as-logged", "corrected"])
    def settings(self, request):
        sizes = {"latent_size": 16, "encoder_units": [12], "units": [12], "task_size": 4, "bins": 11}
        return {**sizes, "substeps": 2, "velocity_head": request.param}


class TestFlowPolicy(PolicyConformance):
    @pytest.fixture
    def offer(self):
        return POLICY

    @pytest.fixture
    def settings(self):
        return {"units": [12, 8], "substeps": 2}
