"""The acrobot is paid for how near its tip is to the place above the shoulder."""

import numpy as np
import pytest
from numpy.random import RandomState


def test_upright_is_the_most_and_hanging_the_least(posed):
    assert posed("acrobot-swingup").reward()[0] == pytest.approx(1)
    hanging = posed("acrobot-swingup", shoulder=np.pi).reward()[0]
    assert hanging < 1e-6 < posed("acrobot-swingup", elbow=1.0).reward()[0] < 1


def test_directions_of_both_links_and_velocities_are_seen(posed):
    seen = posed("acrobot-swingup", shoulder=np.pi / 2, speeds={"elbow": 2.0}).observation()[0]
    np.testing.assert_allclose(seen, [1, 1, 0, 0, 0, 2], atol=1e-12)


def test_both_angles_are_drawn(posed):
    domain = posed("acrobot-swingup")
    domain.start([RandomState(3)])
    expected = RandomState(3).uniform(-np.pi, np.pi, 2)
    np.testing.assert_array_equal(domain.qpos[0], expected)
