"""The pendulum is paid for being up within 8 degrees, or for turning fast."""

import numpy as np
import pytest


@pytest.mark.parametrize(("degrees", "reward"), [(0, 1), (7.9, 1), (8.1, 0), (180, 0)])
def test_it_is_up_within_eight_degrees(degrees, reward, posed):
    assert posed("pendulum-swingup", hinge=np.deg2rad(degrees)).reward()[0] == reward


def test_direction_and_velocity_are_seen(posed):
    domain = posed("pendulum-swingup", hinge=np.pi / 2, speeds={"hinge": 3.0})
    np.testing.assert_allclose(np.abs(domain.observation()[0]), [0, 1, 3], atol=1e-12)


@pytest.mark.parametrize(("speed", "reward"), [(9, 1), (-9, 1), (4.5, 0.5), (0, 0)])
def test_spinning_counts_in_either_direction(speed, reward, posed):
    assert posed("pendulum-spin", speeds={"hinge": speed}).reward()[0] == pytest.approx(reward)
