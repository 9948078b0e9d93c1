"""Which figures a value may have been written down as."""

import statistics

import pytest

from rephase.judging.auditing.rounding import candidates, decimals_of, half_unit, matches


@pytest.mark.parametrize(("value", "decimals"), [(142.26, 2), (142.3, 1), (142.0, 0), (1e300, 0), (float("nan"), 0)])
def test_decimals_are_those_of_the_shortest_text(value, decimals):
    assert decimals_of(value) == decimals


def test_half_a_unit_of_the_last_decimal():
    assert [half_unit(decimals) for decimals in (0, 1, 2)] == pytest.approx([0.5, 0.05, 0.005])


def test_a_spread_may_be_any_of_four_statistics_of_its_values():
    values = [972.32, 923.48, 977.35]
    found = {one.name: one for one in candidates(values)}
    assert found["sample SD"].value == pytest.approx(statistics.stdev(values))
    assert found["population SD"].value == pytest.approx(statistics.pstdev(values))
    assert found["half-range"].value == pytest.approx((977.35 - 923.48) / 2)
    assert found["standard error"].value == pytest.approx(statistics.stdev(values) / 3**0.5)


def test_a_stated_figure_matches_within_its_rounding_and_that_of_the_values():
    (sample, *_) = candidates([1.0, 2.0])  # values known to half a unit
    assert matches(0.7, 1, sample)
    assert matches(1.4, 1, sample)
    assert not matches(1.6, 1, sample)
    (exact, *_) = candidates([1.0001, 2.0001])
    assert matches(0.707, 3, exact)
    assert not matches(0.709, 3, exact)
