"""The walker is paid for standing, times how well it keeps the speed its task asks for."""

import numpy as np
import pytest
from numpy.random import RandomState


def test_standing_upright_is_the_most_and_lying_is_little(posed):
    assert posed("walker-stand").reward()[0] == pytest.approx(1)
    assert posed("walker-stand", rootz=-1.0, rooty=np.pi / 2).reward()[0] < 0.3


@pytest.mark.parametrize(
    ("name", "speed", "reward"),
    [
        ("walker-walk", 1, 1),
        ("walker-walk", 0.5, 3.5 / 6),
        ("walker-walk", -1, 1 / 6),
        ("walker-run", 8, 1),
        ("walker-walk-backwards", -1, 1),
        ("walker-walk-backwards", 1, 1 / 6),
    ],
)
def test_speed_counts_in_the_tasks_direction(name, speed, reward, posed):
    assert posed(name, speeds={"rootx": speed}).reward()[0] == pytest.approx(reward, abs=0.03)


def test_orientations_height_and_velocities_are_seen(posed):
    seen = posed("walker-stand", speeds={"rootx": 2.0}).observation()[0]
    assert len(seen) == 24
    assert seen[14] == pytest.approx(1.3, abs=0.02)
    assert seen[15:].tolist().count(2.0) == 1


def test_every_joint_with_a_range_is_drawn(posed):
    domain = posed("walker-stand")
    domain.start([RandomState(0)])
    assert np.count_nonzero(domain.qpos[0]) == len(domain._joints)
