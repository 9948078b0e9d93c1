import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_ind, ttest_rel

from rephase.judging.samples import (
    holm,
    paired,
    sample,
    spread_p,
    two_sided_p,
    welch,
)

BASELINE = [972.32, 923.48, 977.35]
FLOW = [854.53, 744.92, 919.90]


@pytest.mark.parametrize("sizes", [(3, 3), (12, 3), (3, 12)])
def test_the_p_value_of_a_spread_holds_its_rate_in_a_simulation(sizes):
    generator = np.random.default_rng(1)
    sides = [generator.normal(size=(4000, size)) for size in sizes]
    small = [spread_p(sample(x), sample(y)) < 0.05 for x, y in zip(*sides, strict=True)]
    assert np.mean(small) == pytest.approx(0.05, abs=0.015)


def test_spreads_without_any_width_have_defined_answers():
    flat, wide, single = sample([5.0, 5.0]), sample([1.0, 9.0]), sample([4.0])
    assert (spread_p(flat, wide), spread_p(wide, flat), spread_p(flat, flat)) == (0.0, 1.0, 1.0)
    assert math.isnan(spread_p(single, wide))


def test_a_difference_without_any_spread_gives_no_p_value():
    for test in (welch([5.0, 5.0], [3.0, 3.0]), paired([2.0, 2.0])):
        assert math.isnan(test.p)
        assert not test.is_test
    assert welch([5.0, 5.0], [3.0, 4.0]).is_test


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
    apart = welch([5.0, 5.0], [4.0, 4.0])
    assert (apart.t, apart.low, apart.high) == (math.inf, 1.0, 1.0)


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
