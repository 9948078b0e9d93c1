import numpy as np
import pytest

from rephase.environments.shaping import distance, nearness

XS = np.concatenate([np.linspace(-30, 30, 601), [1.2, -1.2]])


@pytest.mark.parametrize(
    ("bounds", "margin", "at_margin", "shape", "theirs"),
    [
        ((1.2, np.inf), 0.6, 0.1, "gauss", "gaussian"),
        ((0, 0), 2, 0.1, "gauss", "gaussian"),
        ((-np.inf, -8), 8, 0, "linear", "linear"),
        ((2, np.inf), 1, 0.5, "linear", "linear"),
        ((0, 0), 1, 0, "quadratic", "quadratic"),
        ((-0.25, 0.25), 0, 0.1, "gauss", "gaussian"),
    ],
)
def test_nearness_is_dm_controls_tolerance_to_the_bit(bounds, margin, at_margin, shape, theirs, suite):
    from dm_control.utils.rewards import tolerance

    ours = nearness(XS, *bounds, margin=margin, at_margin=at_margin, shape=shape)

    assert np.array_equal(ours, tolerance(XS, bounds, margin, theirs, at_margin))


def test_nearness_falls_as_the_format_says():
    x = np.array([0.0, 1.0, 1.5, 2.0, 4.0])

    assert nearness(x, 2, 3).tolist() == [0, 0, 0, 1, 0]
    assert nearness(x, 2, 3, margin=1, at_margin=0.5, shape="linear") == pytest.approx([0, 0.5, 0.75, 1, 0.5])
    assert nearness(x, 2, 3, margin=1, at_margin=0, shape="quadratic") == pytest.approx([0, 0, 0.75, 1, 0])
    assert nearness(x, 2, 3, margin=1) == pytest.approx([1e-4, 0.1, 0.1**0.25, 1, 0.1])


@pytest.mark.parametrize("size", [2, 3])
def test_distance_is_the_norm_of_each_vector_to_the_bit(size):
    vectors = np.random.default_rng(0).normal(size=(500, size))

    assert np.array_equal(distance(vectors), [np.linalg.norm(vector) for vector in vectors])
