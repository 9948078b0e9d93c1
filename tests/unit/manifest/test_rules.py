import math

import pytest
from attrs.exceptions import FrozenInstanceError

from rephase.manifest.rules import VerdictRules


def test_the_defaults_are_the_published_rules():
    rules = VerdictRules()
    assert (rules.k_small, rules.k_large, rules.alpha, rules.floor) == (4.0, 3.0, 0.05, 20.0)
    assert rules.spread_alpha == 0.022
    assert rules.because


@pytest.mark.parametrize(
    ("recorded", "reproduced", "k"),
    [(3, 3, 4.0), (3, 5, 4.0), (3, 6, 3.0), (6, 3, 3.0), (12, 3, 3.0), (5, 5, 3.0), (12, 2, 4.0), (1, 40, 4.0)],
)
def test_more_seeds_may_leave_less_open(recorded, reproduced, k):
    assert VerdictRules().k(recorded, reproduced) == k


def test_rules_cannot_be_changed_after_reading():
    with pytest.raises(FrozenInstanceError):
        VerdictRules().floor = 1.0


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("k_small", 0.0, "expected a number above 0 (between-seed standard deviations), found 0.0"),
        ("k_small", "4", "expected a finite number, found '4'"),
        ("k_small", True, "expected a finite number, found True"),
        ("k_large", 5.0, "expected at most k_small (4): more seeds must not leave more open, found 5.0"),
        ("alpha", 0.5, "expected an error rate above 0 and below 0.5, found 0.5"),
        ("alpha", math.nan, "expected a finite number, found nan"),
        ("floor", -1, "expected points of return, 0 or more, found -1"),
        ("because", "  ", "expected a sentence saying why these numbers, found '  '"),
    ],
)
def test_a_number_out_of_range_is_refused_in_words(name, value, message):
    with pytest.raises(ValueError) as raised:
        VerdictRules(**{name: value})
    assert str(raised.value) == message
