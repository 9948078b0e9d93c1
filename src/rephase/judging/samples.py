"""Means, spreads and Student's t for a handful of seeds, without rounding surprises.

Equal values have exactly their value as mean and exactly 0 as spread, so that equal data can never look shifted. The
quantiles come from `scipy`; nothing is decided here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from attrs import frozen

__all__ = [
    "Sample",
    "Welch",
    "holm",
    "is_measurable",
    "one_sided_quantile",
    "paired",
    "sample",
    "spread_p",
    "t_value",
    "two_sided_p",
    "two_sided_quantile",
    "welch",
]

_LARGEST = 1e150


@frozen
class Sample:
    """The moments of some finite values.

    Args:
        count: How many there are.
        mean: Their mean; NaN when there is none.
        sd: Their sample standard deviation (divided by count - 1); NaN when there are fewer than two.
    """

    count: int
    mean: float
    sd: float

    @property
    def sum_of_squares(self) -> float:
        """Sum of squared deviations from the mean; 0 for a single value."""
        return (self.count - 1) * self.sd**2 if self.count > 1 else 0.0


def is_measurable(value: float) -> bool:
    """Return whether a value is finite and of a size whose square is, too."""
    return abs(value) < _LARGEST


def sample(values: Sequence[float]) -> Sample:
    """Return the moments of finite values; the order of the values does not matter, not even for the last bit."""
    count = len(values)
    if count == 0:
        return Sample(0, math.nan, math.nan)
    if count == 1 or min(values) == max(values):
        return Sample(count, float(values[0]), 0.0 if count > 1 else math.nan)
    mean = math.fsum(values) / count
    return Sample(count, mean, math.hypot(*sorted(value - mean for value in values)) / math.sqrt(count - 1))


def t_value(difference: float, error: float) -> float:
    """Return a difference over its standard error; without any error 0 for no difference, else infinite."""
    if error > 0:
        return difference / error
    return 0.0 if difference == 0 else math.copysign(math.inf, difference)


def two_sided_p(t: float, degrees: float) -> float:
    """Return the probability of an abs(t) at least this large without a shift; 0 for infinity, 1 for 0."""
    from scipy.special import stdtr

    return float(2 * stdtr(degrees, -abs(t))) if math.isfinite(t) else 0.0


def one_sided_quantile(alpha: float, degrees: float) -> float:
    """Return the value that t exceeds with probability alpha."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 1 - alpha))


def two_sided_quantile(alpha: float, degrees: float) -> float:
    """Return the value that abs(t) exceeds with probability alpha."""
    return one_sided_quantile(alpha / 2, degrees)


def spread_p(before: Sample, after: Sample) -> float:
    """Return the one-sided p-value of the F test that the second sample spreads no wider than the first.

    Args:
        before: The sample whose spread is the yardstick.
        after: The sample whose spread is asked about.

    Returns:
        A probability; 0 for a spread where there was none, 1 for no spread, NaN where a sample has fewer than two.
    """
    from scipy.special import fdtrc

    if min(before.count, after.count) < 2:
        return math.nan
    if after.sd == 0:
        return 1.0
    ratio = after.sd / before.sd if before.sd > 0 else math.inf
    return float(fdtrc(after.count - 1, before.count - 1, ratio**2)) if ratio < _LARGEST else 0.0


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return Holm's adjusted p-values, in the order of the given ones.

    Args:
        p_values: The p-values of one family.

    Returns:
        Values to compare with the family's error rate itself; equal p-values get equal ones.
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [1.0] * len(p_values)
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return tuple(adjusted)


@frozen(kw_only=True)
class Welch:
    """A difference of two means with its uncertainty.

    Args:
        difference: First mean less second mean.
        t: Difference over its standard error; infinite, or 0 for no difference, where neither side varies.
        degrees: Degrees of freedom after Welch and Satterthwaite, or pairs less one.
        p: Two-sided p-value; NaN where neither side varies, because a difference without a spread tests nothing.
        low: Lower end of the 95% interval of the difference.
        high: Upper end.
    """

    difference: float
    t: float
    degrees: float
    p: float
    low: float
    high: float

    @property
    def is_test(self) -> bool:
        """Whether there was a spread to test against."""
        return not math.isnan(self.p)


def welch(first: Sequence[float], second: Sequence[float]) -> Welch | None:
    """Compare two means without assuming equal spreads; None when a side has fewer than two values."""
    a, b = sample(first), sample(second)
    if a.count < 2 or b.count < 2:
        return None
    va, vb = a.sd**2 / a.count, b.sd**2 / b.count
    degrees = math.inf
    if va + vb > 0:  # by shares, so that tiny variances do not underflow
        share = va / (va + vb)
        degrees = 1 / (share**2 / (a.count - 1) + (1 - share) ** 2 / (b.count - 1))
    return _compare(a.mean - b.mean, math.sqrt(va + vb), degrees)


def paired(differences: Sequence[float]) -> Welch | None:
    """Test a mean difference of pairs against 0; None for fewer than two pairs."""
    moments = sample(differences)
    if moments.count < 2:
        return None
    return _compare(moments.mean, moments.sd / math.sqrt(moments.count), moments.count - 1)


def _compare(difference: float, error: float, degrees: float) -> Welch:
    t = t_value(difference, error)
    if error == 0:
        return Welch(difference=difference, t=t, degrees=degrees, p=math.nan, low=difference, high=difference)
    half = error * two_sided_quantile(0.05, degrees)
    return Welch(
        difference=difference,
        t=t,
        degrees=degrees,
        p=two_sided_p(t, degrees),
        low=difference - half,
        high=difference + half,
    )
