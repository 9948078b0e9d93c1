import pytest
from rephase_flow.offers import rephase_offers

from rephase.testing import PolicyConformance, WorldModelConformance

WORLD_MODEL, POLICY, MATCHED = rephase_offers()


class TestFlowWorldModel(WorldModelConformance):
    @pytest.fixture
    def offer(self):
        return WORLD_MODEL

    @pytest.fixture(params=["as-logged", "corrected", "of observations", "by steps and angles"])
    def settings(self, request):
        sizes = {"latent_size": 16, "encoder_units": [12], "units": [12], "task_size": 4, "bins": 11, "substeps": 2}
        if request.param == "of observations":
            return {**sizes, "latent_size": 7, "simnorm": 7, "encoder": "standardised", "tau": "early"}
        if request.param == "by steps and angles":
            own = {"latent_size": 7, "simnorm": 7, "encoder": "standardised", "velocity_head": "corrected"}
            return {**sizes, **own, "velocity_unit": "displacement", "angles": True}
        return {**sizes, "velocity_head": request.param}


class TestFlowPolicy(PolicyConformance):
    @pytest.fixture
    def offer(self):
        return POLICY

    @pytest.fixture
    def settings(self):
        return {"units": [12, 8], "substeps": 2}


class TestMatchedFlowPolicy(PolicyConformance):
    @pytest.fixture
    def offer(self):
        return MATCHED

    @pytest.fixture
    def settings(self):
        return {"units": [12, 8], "substeps": 2}
