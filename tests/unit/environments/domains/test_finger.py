"""The finger is paid for a spinning body, or for its tip in the target."""

import numpy as np
import pytest
from numpy.random import RandomState


@pytest.mark.parametrize(("speed", "reward"), [(-15.1, 1), (-14.9, 0), (15.1, 0)])
def test_it_spins_against_the_hinges_sense(speed, reward, posed):
    assert posed("finger-spin", speeds={"hinge": speed}).reward()[0] == reward


def test_spinning_has_no_target_and_turning_sees_one(posed):
    assert posed("finger-spin").target is None
    assert posed("finger-spin").observation().shape == (1, 9)
    assert posed("finger-turn-easy").observation().shape == (1, 12)


@pytest.mark.parametrize(("name", "radius"), [("finger-turn-easy", 0.07), ("finger-turn-hard", 0.03)])
def test_the_tip_counts_inside_the_target_only(name, radius, posed):
    domain = posed(name)
    tip = domain._tip()[0] + domain._place("spinner")[0]
    for beyond, reward in ((0.99, 1), (1.01, 0)):
        target = np.array([tip[0] + beyond * radius, 0.0, tip[1]])
        assert posed(name, target=target).reward()[0] == reward


def test_a_start_touches_nothing(posed):
    domain = posed("finger-turn-easy")
    domain.start([RandomState(4)])
    assert domain.physics.view("ncon")[0] == 0
