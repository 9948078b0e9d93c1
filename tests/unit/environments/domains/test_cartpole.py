"""The pole is paid for standing over the middle, smoothly or only within its bounds."""

import numpy as np
import pytest
from numpy.random import RandomState


def test_upright_calm_and_central_is_the_most(posed):
    best = posed("cartpole-balance").reward()[0]
    assert best == pytest.approx(1)
    assert posed("cartpole-balance", slider=1.0).reward()[0] < best
    assert posed("cartpole-balance", hinge_1=0.5).reward()[0] < best
    assert posed("cartpole-balance", speeds={"hinge_1": 3.0}).reward()[0] < best


@pytest.mark.parametrize(("slider", "angle", "reward"), [(0.2, 0.05, 1), (0.3, 0, 0), (0, 0.2, 0)])
def test_the_sparse_task_pays_all_or_nothing(slider, angle, reward, posed):
    assert posed("cartpole-balance-sparse", slider=slider, hinge_1=angle).reward()[0] == reward


@pytest.mark.parametrize(("name", "angle"), [("cartpole-balance", 0), ("cartpole-swingup", np.pi)])
def test_an_episode_starts_near_the_balance_or_hanging(name, angle, posed):
    domain = posed(name)
    domain.start([RandomState(1)])
    assert domain.qpos[0, 1] == pytest.approx(angle, abs=0.04)
