import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_ind, ttest_rel

from rephase.judging.samples import (
    certified_shift,
    critical_value,
    holm,
    paired,
    sample,
    two_sided_p,
    welch,
)

BASELINE = [972.32, 923.48, 977.35]
FLOW = [854.53, 744.92, 919.90]


@pytest.mark.parametrize(("k", "n", "m", "expected"), [(4, 3, 3, 2.76), (3, 3, 6, 2.37), (3, 3, 9, 2.65)])
def test_critical_values_are_the_published_ones(k, n, m, expected):
    assert critical_value(k, n, m, 0.05) == pytest.approx(expected, abs=0.005)


def test_a_critical_value_holds_its_error_rate_in_a_simulation():
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(200_000, 3)), generator.normal(size=(200_000, 3)) + 4
    pooled = np.sqrt((x.var(axis=1, ddof=1) + y.var(axis=1, ddof=1)) / 2)
    t = (y.mean(axis=1) - x.mean(axis=1)) / (pooled * math.sqrt(2 / 3))
    assert np.mean(np.abs(t) <= critical_value(4.0, 3, 3, 0.05)) == pytest.approx(0.05, abs=0.002)


def test_what_is_certified_is_the_smallest_shift_that_still_passes():
    for t in (1.0, 2.0, 2.7):
        k = certified_shift(t, 4.0, 3, 3, 0.05)
        assert 0 < k < 4
        assert critical_value(k, 3, 3, 0.05) == pytest.approx(t, abs=1e-6)
    assert certified_shift(0.0, 4.0, 3, 3, 0.05) == 0.0


def test_welch_is_the_logs_own_comparison_and_scipys():
    test = welch(BASELINE, FLOW)
    theirs = ttest_ind(BASELINE, FLOW, equal_var=False)
    interval = theirs.confidence_interval()
    assert (test.t, test.degrees, test.p) == pytest.approx((theirs.statistic, theirs.df, theirs.pvalue), rel=1e-12)
    assert (test.low, test.high) == pytest.approx((interval.low, interval.high), rel=1e-9)
    assert (round(test.t, 2), round(test.degrees, 2), round(test.p, 3)) == (2.19, 2.45, 0.136)
    assert (round(test.low), round(test.high)) == (-78, 313)


def test_a_paired_test_is_scipys():
    theirs = ttest_rel(BASELINE, FLOW)
    test = paired([a - b for a, b in zip(BASELINE, FLOW, strict=True)])
    assert (test.t, test.p) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-12)


@pytest.mark.parametrize(("first", "second"), [([], [1.0, 2.0]), ([1.0], [1.0, 2.0]), ([1.0, 2.0], [3.0])])
def test_fewer_than_two_values_give_no_test(first, second):
    assert welch(first, second) is None


def test_no_spread_is_defined():
    assert welch([5.0, 5.0], [5.0, 5.0]).p == 1.0
    apart = welch([5.0, 5.0], [4.0, 4.0])
    assert (apart.t, apart.p, apart.low, apart.high) == (math.inf, 0.0, 1.0, 1.0)


def test_holm_is_the_textbook_step_down():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))
    assert holm([]) == ()
    assert holm([0.9, 0.8]) == (1.0, 1.0)


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=6), st.randoms())
def test_moments_do_not_depend_on_order(values, random):
    shuffled = list(values)
    random.shuffle(shuffled)
    one, other = sample(values), sample(shuffled)
    assert one.mean == other.mean
    assert one.sd == other.sd or (math.isnan(one.sd) and math.isnan(other.sd))


@given(st.floats(0, 1000), st.integers(2, 9))
def test_equal_values_have_no_spread_at_all(value, count):
    assert (sample([value] * count).mean, sample([value] * count).sd) == (value, 0.0)


def test_moments_are_numpys():
    assert sample(FLOW).sd == pytest.approx(np.std(FLOW, ddof=1), rel=1e-14)
    assert sample(FLOW).mean == pytest.approx(np.mean(FLOW), rel=1e-15)
    assert math.isnan(sample([]).mean)
    assert math.isnan(sample([1.0]).sd)


def test_p_values_at_the_ends():
    assert two_sided_p(0.0, 4) == 1.0
    assert two_sided_p(math.inf, 4) == 0.0
