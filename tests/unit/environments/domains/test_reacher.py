"""The reacher is paid where its finger touches the target, and only there."""

import numpy as np
import pytest
from numpy.random import RandomState


@pytest.mark.parametrize(
    ("name", "radius"), [("reacher-easy", 0.05), ("reacher-hard", 0.015), ("reacher-three-easy", 0.05)]
)
def test_the_finger_touches_within_both_radii(name, radius, posed):
    domain = posed(name)
    finger = domain._geom_xpos[0, domain._finger].copy()
    reach = domain._reach
    assert reach > radius
    for share, reward in ((0.99, 1), (1.01, 0)):
        assert posed(name, target=finger + np.array([share * reach, 0, 0])).reward()[0] == reward


def test_the_way_to_the_target_is_seen(posed):
    domain = posed("reacher-easy", target=(0.1, 0.2, 0.01))
    np.testing.assert_allclose(domain.observation()[0, 2:4], [0.1, 0.2] - domain._geom_xpos[0, domain._finger, :2])


def test_targets_are_drawn_within_reach(posed):
    domain = posed("reacher-easy")
    distances = []
    for seed in range(20):
        domain.start([RandomState(seed)])
        distances.append(np.linalg.norm(domain.target[0, :2]))
    assert 0.05 <= min(distances) < max(distances) <= 0.2
