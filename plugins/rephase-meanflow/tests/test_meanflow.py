import pytest
import torch
from rephase_meanflow.offers import MeanFlowConfig, rephase_offers
from rephase_meanflow.policy import MeanFlowPolicy

from rephase.engine.seeding import stream
from rephase.testing import PolicyConformance


class TestMeanFlow(PolicyConformance):
    @pytest.fixture
    def offer(self):
        return rephase_offers()[0]

    @pytest.fixture
    def settings(self):
        return {"units": [12, 8]}


def test_without_a_velocity_the_action_is_the_scaled_noise():
    policy = MeanFlowPolicy(MeanFlowConfig(units=(8,), initial_log_std=-0.5), 4, 2)
    policy.initialise(stream(0, "policy"))
    torch.nn.init.zeros_(policy.average_velocity[-1].weight)
    torch.nn.init.zeros_(policy.average_velocity[-1].bias)
    latent, noise = torch.ones(3, 4), torch.tensor([[1.0, -2.0]]).expand(3, 2)
    torch.testing.assert_close(policy.act(latent, noise), noise * torch.tensor(-0.5).exp())
    torch.testing.assert_close(policy.mean(latent), torch.zeros(3, 2))
