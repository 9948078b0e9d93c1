"""The rounding model: which true values could have been written down as a given figure.

A figure with d decimals stands for anything within half a unit of its last decimal. A statistic of rounded figures is
off by as much as the figures could move it, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from attrs import frozen

from rephase.judging.samples import sample

__all__ = ["Candidate", "candidates", "decimals_of", "half_unit", "matches"]

_SLACK = 1e-9


@frozen
class Candidate:
    """A statistic that a stated spread may be.

    Args:
        name: What it is called.
        value: Its value for the recorded figures.
        slack: How far rounding of those figures may have moved it.
    """

    name: str
    value: float
    slack: float


def decimals_of(value: float) -> int:
    """Return the decimals of the shortest text of a number: 2 for 142.26, 1 for 142.3, 0 for 142.0."""
    text = repr(float(value))
    if "e" in text or "n" in text:
        return 0
    fraction = text.partition(".")[2]
    return 0 if fraction == "0" else len(fraction)


def half_unit(decimals: int) -> float:
    """Return half a unit of the last of so many decimals."""
    return 0.5 * 10.0**-decimals


def matches(stated: float, decimals: int, candidate: Candidate) -> bool:
    """Return whether a candidate could have been written down as the stated figure."""
    return abs(stated - candidate.value) <= half_unit(decimals) + candidate.slack + _SLACK


def candidates(values: Sequence[float]) -> tuple[Candidate, ...]:
    """Return what a spread of some figures may be: sample SD, population SD, half-range and standard error.

    Args:
        values: At least two finite figures, rounded as written.
    """
    count = len(values)
    sd = sample(values).sd
    move = half_unit(max(decimals_of(value) for value in values))
    inflate = math.sqrt(count / (count - 1))  # moving every figure by at most `move` moves a population SD no further
    return (
        Candidate("sample SD", sd, move * inflate),
        Candidate("population SD", sd / inflate, move),
        Candidate("half-range", (max(values) - min(values)) / 2, move),
        Candidate("standard error", sd / math.sqrt(count), move * inflate / math.sqrt(count)),
    )
