"""The hopper is paid for standing, times how gentle it is or how fast it goes."""

import numpy as np
import pytest
from numpy.random import RandomState


def test_standing_still_is_the_most_and_lying_is_nothing(posed):
    assert posed("hopper-stand").reward()[0] == pytest.approx(1)
    assert posed("hopper-stand", rooty=np.pi / 2).reward()[0] == 0


@pytest.mark.parametrize(
    ("name", "speed", "reward"),
    [
        ("hopper-hop", 2, 1),
        ("hopper-hop", 1, 0.5),
        ("hopper-hop", -2, 0),
        ("hopper-hop-backwards", -1, 1),
        ("hopper-hop-backwards", -0.5, 0.5),
        ("hopper-hop-backwards", 1, 0),
    ],
)
def test_hopping_is_paid_by_speed(name, speed, reward, posed):
    assert posed(name, speeds={"rootx": speed}).reward()[0] == pytest.approx(reward, abs=0.02)


def test_where_it_is_along_the_track_is_not_seen(posed):
    first, far = (posed("hopper-stand", rootx=place).observation()[0] for place in (0, 100))
    np.testing.assert_allclose(first, far, atol=1e-9)


def test_every_joint_with_a_range_is_drawn(posed):
    domain = posed("hopper-stand")
    domain.start([RandomState(0)])
    assert np.count_nonzero(domain.qpos[0]) == len(domain._joints)
