"""The ball is paid for being in the cup, or for going around outside of it fast."""

import pytest
from numpy.random import RandomState


def test_the_ball_is_in_the_cup_or_not(posed):
    assert posed("cup-catch").reward()[0] == 0
    place = posed("cup-catch")
    way = place._to_middle()[0]
    inside = posed("cup-catch", ball_x=place.qpos[0, 2] + way[0], ball_z=place.qpos[0, 3] + way[1])
    assert inside.reward()[0] == 1


def test_spinning_in_the_cup_is_nothing_and_speed_outside_counts_twice(posed):
    far = {"ball_x": 0.6}
    slow, fast = (posed("cup-spin", speeds={"ball_z": speed}, **far).reward()[0] for speed in (0, 6))
    assert fast - slow == pytest.approx(2 / 3, abs=1e-6)


def test_an_episode_starts_with_a_ball_that_touches_nothing(posed):
    domain = posed("cup-catch")
    domain.start([RandomState(0)])
    assert domain.physics.view("ncon")[0] == 0
    assert -0.2 <= domain.qpos[0, domain._ball_joints[0]] <= 0.2
