import pytest
from rephase_mlp.offers import rephase_offers

from rephase.testing import PolicyConformance, WorldModelConformance

WORLD_MODEL, POLICY, RECURRENT = rephase_offers()


class TestMLPWorldModel(WorldModelConformance):
    @pytest.fixture
    def offer(self):
        return WORLD_MODEL

    @pytest.fixture
    def settings(self):
        return {"latent_size": 16, "encoder_units": [12], "units": [12], "task_size": 4, "bins": 11}


class TestGaussianPolicy(PolicyConformance):
    @pytest.fixture
    def offer(self):
        return POLICY

    @pytest.fixture
    def settings(self):
        return {"units": [12, 8]}


class TestGaussianGRU(WorldModelConformance):
    @pytest.fixture
    def offer(self):
        return RECURRENT

    @pytest.fixture
    def settings(self):
        return {"memory": 6, "units": [12], "task_size": 4}
