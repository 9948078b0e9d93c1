"""Small parts that every test of the engine can afford."""

from __future__ import annotations

import pytest
import torch
from rephase_flow.offers import FlowPolicyConfig, FlowWorldModelConfig
from rephase_flow.policy import FlowPolicy
from rephase_flow.world_model import FlowWorldModel
from rephase_mlp.offers import GaussianPolicyConfig, MLPWorldModelConfig
from rephase_mlp.policy import GaussianPolicy
from rephase_mlp.world_model import MLPWorldModel
from rephase_rk.methods import HEUN
from rephase_rk.runge_kutta import RungeKutta

from rephase.manifest.algorithm import Algorithm
from rephase.protocols import Spaces

SIZES = {"latent_size": 8, "encoder_units": (10,), "units": (12,), "task_size": 4, "bins": 11, "simnorm": 4}
SIZES |= {"lowest": -2.0, "highest": 2.0}


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def spaces():
    return Spaces(observation=5, action=3, action_sizes=(3, 1, 2))


@pytest.fixture
def algorithm():
    return Algorithm(epochs=20, horizon=3, batch_size=4, critics=2, critic_units=(6, 5), critic_iterations=2)


@pytest.fixture
def randomise():
    """Give a module numbers that leave nothing at zero, so that every mistake shows."""

    def fill(module, seed=0, scale=0.5):
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
        return module

    return fill


@pytest.fixture
def build_model(spaces, randomise):
    """Builds a small world model of a kind, with random numbers."""

    def build(kind="mlp", seed=0, dtype=torch.float32, **changes):
        if kind == "mlp":
            model = MLPWorldModel(MLPWorldModelConfig(**SIZES | changes), spaces)
        else:
            config = FlowWorldModelConfig(**SIZES | {"substeps": 2} | changes)
            model = FlowWorldModel(config, spaces, RungeKutta(HEUN))
        return randomise(model, seed).to(dtype)

    return build


@pytest.fixture
def build_policy(randomise):
    """Builds a small policy of a kind, with random numbers."""

    def build(kind="gaussian", seed=0, dtype=torch.float32):
        if kind == "gaussian":
            policy = GaussianPolicy(GaussianPolicyConfig(units=(7, 6)), SIZES["latent_size"], 3)
        else:
            config = FlowPolicyConfig(units=(7, 6), substeps=2)
            policy = FlowPolicy(config, SIZES["latent_size"], 3, RungeKutta(HEUN))
        return randomise(policy, seed, 0.3).to(dtype)

    return build
