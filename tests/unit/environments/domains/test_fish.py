"""The fish is paid for a mouth at the target, and a little for being upright."""

import numpy as np
import pytest
from numpy.random import RandomState


def test_the_mouth_at_the_target_is_the_most(posed):
    mouth = posed("fish-swim")._geom_xpos[0, posed("fish-swim")._mouth].copy()
    assert posed("fish-swim", target=mouth).reward()[0] == pytest.approx(1)
    assert posed("fish-swim", target=mouth + np.array([0, 0, 5])).reward()[0] == pytest.approx(1 / 8)


def test_the_way_to_the_target_is_seen_from_the_mouth(posed):
    domain = posed("fish-swim", target=(0.3, 0.2, 0.1))
    way = domain.observation()[0, 8:11]
    straight = domain.target[0] - domain._geom_xpos[0, domain._mouth]
    assert np.linalg.norm(way) == pytest.approx(np.linalg.norm(straight))


def test_an_episode_starts_turned_anyhow_with_a_target_above_the_floor(posed):
    domain = posed("fish-swim")
    domain.start([RandomState(2)])
    assert np.linalg.norm(domain.qpos[0, 3:7]) == pytest.approx(1)
    assert 0.1 <= domain.target[0, 2] <= 0.3
    assert (np.abs(domain.qpos[0, 7:]) <= 0.2).all()
