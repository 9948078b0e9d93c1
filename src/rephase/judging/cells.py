"""Judging cells: one configuration on one task, recorded seeds against reproduced seeds.

Pure functions of values. Whether the runs are what they claim to be is `integrity`'s question, not asked here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from attrs import evolve, frozen

from rephase.judging.decisions import Decision
from rephase.judging.samples import (
    certified_shift,
    critical_value,
    holm,
    is_measurable,
    one_sided_quantile,
    sample,
    t_value,
    two_sided_p,
)
from rephase.manifest.rules import VerdictRules

__all__ = ["Cell", "CellVerdict", "judge_cells"]

Cell = tuple[str, str]
"""A configuration and a task."""


@frozen(kw_only=True)
class CellVerdict:
    """How one cell was judged, with every figure the judgement used.

    Args:
        config: Name of the configuration.
        task: Name of the task.
        recorded: Recorded mean returns, one a seed, ascending, in points.
        reproduced: Reproduced ones.
        recorded_mean: Mean of the recorded; NaN when there is none.
        recorded_sd: Their sample standard deviation; NaN below two.
        reproduced_mean: Mean of the reproduced.
        reproduced_sd: Their sample standard deviation.
        difference: Reproduced less recorded mean, d.
        pooled_sd: Between-seed standard deviation from both sides, s; NaN without degrees of freedom.
        degrees: Degrees of freedom, nu.
        t: d over its standard error; infinite for a difference without any spread.
        k: Shift a PASS must exclude, in standard deviations.
        critical: Largest abs(t) that passes, t*.
        upper: Upper 95% bound of the shift's size in points, for the floor rule.
        p: Two-sided p-value of no shift.
        p_holm: The same, Holm-adjusted over all cells.
        band: Reproduced means that would pass by t with this spread: lowest and highest.
        certified_k: Smallest shift the PASS excludes, in standard deviations; None unless passed by t.
        certified_points: Bound on the shift in points; None unless passed by the floor rule.
        decision: PASS, FAIL, INCONCLUSIVE or INVALID.
        reason: One clause saying why.
    """

    config: str
    task: str
    recorded: tuple[float, ...]
    reproduced: tuple[float, ...]
    recorded_mean: float = math.nan
    recorded_sd: float = math.nan
    reproduced_mean: float = math.nan
    reproduced_sd: float = math.nan
    difference: float = math.nan
    pooled_sd: float = math.nan
    degrees: int = 0
    t: float = math.nan
    k: float = math.nan
    critical: float = math.nan
    upper: float = math.nan
    p: float = math.nan
    p_holm: float = math.nan
    band: tuple[float, float] = (math.nan, math.nan)
    certified_k: float | None = None
    certified_points: float | None = None
    decision: Decision = Decision.INCONCLUSIVE
    reason: str = ""

    @property
    def variance(self) -> float:
        """Variance of the difference, s squared times h, in points squared; NaN where it is not known."""
        if self.degrees < 1:
            return math.nan
        return self.pooled_sd**2 * (1 / len(self.recorded) + 1 / len(self.reproduced))

    @property
    def is_judged(self) -> bool:
        """Whether there are values and degrees of freedom enough for a test."""
        return self.decision is not Decision.INVALID and self.degrees >= 1


def judge_cells(
    recorded: Mapping[Cell, Sequence[float]],
    reproduced: Mapping[Cell, Sequence[float]],
    rules: VerdictRules,
    invalid: Mapping[Cell, str] | None = None,
) -> tuple[CellVerdict, ...]:
    """Judge every cell that either side knows.

    Args:
        recorded: Mean returns of the recorded seeds of each cell, in points.
        reproduced: Mean returns of the reproduced seeds of each cell.
        rules: The numbers to judge by.
        invalid: Cells whose values judge nothing, with the reason; they stay out of Holm's family.

    Returns:
        One verdict a cell, in order of configuration and task.
    """
    broken = dict(invalid or {})
    measured = []
    for cell in sorted({*recorded, *reproduced}):
        sides = tuple(recorded.get(cell, ())), tuple(reproduced.get(cell, ()))
        measured.append(_measure(cell, *sides, rules, broken.get(cell, "")))
    tested = [index for index, verdict in enumerate(measured) if verdict.is_judged]
    adjusted = dict(zip(tested, holm([measured[index].p for index in tested]), strict=True))
    return tuple(
        _decide(evolve(verdict, p_holm=adjusted[index]), rules) if index in adjusted else verdict
        for index, verdict in enumerate(measured)
    )


def _measure(
    cell: Cell, recorded: tuple[float, ...], reproduced: tuple[float, ...], rules: VerdictRules, invalid: str
) -> CellVerdict:
    config, task = cell
    if not invalid and not all(map(is_measurable, (*recorded, *reproduced))):
        invalid = "a return is not a finite number of a size that can be squared"
    if invalid:
        return CellVerdict(
            config=config,
            task=task,
            recorded=recorded,
            reproduced=reproduced,
            decision=Decision.INVALID,
            reason=invalid,
        )
    recorded, reproduced = tuple(sorted(recorded)), tuple(sorted(reproduced))
    x, y = sample(recorded), sample(reproduced)
    verdict = CellVerdict(
        config=config,
        task=task,
        recorded=recorded,
        reproduced=reproduced,
        recorded_mean=x.mean,
        recorded_sd=x.sd,
        reproduced_mean=y.mean,
        reproduced_sd=y.sd,
        difference=y.mean - x.mean,
        k=rules.k(y.count),
    )
    if x.count == 0 or y.count == 0:
        missing = "recorded" if x.count == 0 else "reproduced"
        return evolve(verdict, decision=Decision.INVALID, reason=f"no {missing} outcome to compare")
    degrees = x.count + y.count - 2
    if degrees < 1:
        return evolve(verdict, reason="one seed on each side: the spread between seeds is unknown")
    return _test(verdict, math.sqrt((x.sum_of_squares + y.sum_of_squares) / degrees), degrees, rules)


def _test(verdict: CellVerdict, pooled: float, degrees: int, rules: VerdictRules) -> CellVerdict:
    n, m = len(verdict.recorded), len(verdict.reproduced)
    error = pooled * math.sqrt(1 / n + 1 / m)
    difference = verdict.difference
    t = t_value(difference, error)
    critical = critical_value(verdict.k, n, m, rules.alpha)
    return evolve(
        verdict,
        pooled_sd=pooled,
        degrees=degrees,
        t=t,
        critical=critical,
        upper=abs(difference) + one_sided_quantile(rules.alpha, degrees) * error,
        p=two_sided_p(t, degrees),
        band=(verdict.recorded_mean - critical * error, verdict.recorded_mean + critical * error),
    )


def _decide(verdict: CellVerdict, rules: VerdictRules) -> CellVerdict:
    size = abs(verdict.difference)
    by_spread = abs(verdict.t) <= verdict.critical
    by_floor = verdict.upper < rules.floor
    # FAIL first: with many seeds a shift can be both shown to exist and shown to be under k, and then it exists.
    if verdict.p_holm <= rules.alpha / 2 and size > rules.floor:
        reason = f"a shift of {verdict.difference:+.1f} points, Holm-adjusted p = {verdict.p_holm:.3g}"
        return evolve(verdict, decision=Decision.FAIL, reason=reason)
    if not (by_spread or by_floor):
        reason = f"|t| = {abs(verdict.t):.2f} is over {verdict.critical:.2f}, yet no material shift is shown"
        return evolve(verdict, decision=Decision.INCONCLUSIVE, reason=reason)
    bound = None
    parts = []
    if by_spread:
        n, m = len(verdict.recorded), len(verdict.reproduced)
        bound = certified_shift(abs(verdict.t), verdict.k, n, m, rules.alpha)
        parts.append(f"true shift under {_rounded_up(bound):.1f} between-seed SD")
    if by_floor:
        parts.append(f"under {_rounded_up(verdict.upper):.1f} points")
    return evolve(
        verdict,
        decision=Decision.PASS,
        certified_k=bound,
        certified_points=verdict.upper if by_floor else None,
        reason=f"{' and '.join(parts)} at {100 * (1 - rules.alpha):g}%",
    )


def _rounded_up(value: float) -> float:
    # A bound is rounded up: rounding it down would certify more than was shown.
    return max(0.1, math.ceil(round(value * 10, 6)) / 10)
