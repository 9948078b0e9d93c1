"""Judging cells: one configuration on one task, recorded seeds against reproduced seeds.

Pure functions of values, of any unit and size, with any numbers of seeds on the two sides. Nothing is assumed of a
range: the floor among the rules says what matters in the values' own unit. Whether the runs are what they claim to be
is `integrity`'s question, not asked here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from attrs import evolve, frozen

from rephase.judging.decisions import Decision
from rephase.judging.samples import (
    Sample,
    holm,
    is_measurable,
    one_sided_quantile,
    sample,
    spread_p,
    t_value,
    two_sided_p,
)
from rephase.judging.spreads import spread_decision
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
        recorded: Recorded values, one a seed, ascending, in points.
        reproduced: Reproduced ones.
        recorded_mean: Mean of the recorded; NaN when there is none.
        recorded_sd: Their sample standard deviation; NaN below two.
        reproduced_mean: Mean of the reproduced.
        reproduced_sd: Their sample standard deviation.
        difference: Reproduced less recorded mean, d.
        pooled_sd: Between-seed standard deviation from both sides, s; NaN without degrees of freedom.
        degrees: Degrees of freedom, nu.
        t: d over its standard error; infinite for a difference without any spread.
        p: Two-sided p-value of no shift.
        p_holm: The same, Holm-adjusted over all cells.
        upper: Upper bound of the shift's size at 1 - alpha, in points: what a PASS certifies.
        upper_percent: The same in percent of the size of the recorded mean; None where that is 0.
        k: Widest shift a PASS may leave open, in standard deviations.
        margin: The same in points, or the floor where that is wider; a PASS has its bound within it.
        band: Reproduced means that would pass with this spread: lowest and highest; NaN where none would.
        spread_p: One-sided p-value of no wider spread; NaN below two seeds on a side.
        spread_p_holm: The same, Holm-adjusted over all cells.
        withheld: Why the spread alone forbids a PASS; empty where it does not.
        noise: Spread between seeds that the episodes alone would give, in points; NaN where they are not known.
        untrained: Says so where the recorded values cannot be told from those of untrained policies; else empty.
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
    p: float = math.nan
    p_holm: float = math.nan
    upper: float = math.nan
    upper_percent: float | None = None
    k: float = math.nan
    margin: float = math.nan
    band: tuple[float, float] = (math.nan, math.nan)
    spread_p: float = math.nan
    spread_p_holm: float = math.nan
    withheld: str = ""
    noise: float = math.nan
    untrained: str = ""
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
    order: Sequence[Cell] = (),
) -> tuple[CellVerdict, ...]:
    """Judge every cell that either side knows.

    Args:
        recorded: Recorded values of each cell, one a seed, in any unit; called points below.
        reproduced: Reproduced values of each cell; the numbers of seeds need not agree, 1 will do.
        rules: The numbers to judge by; the floor is in the values' unit.
        invalid: Cells whose values judge nothing, with the reason; they stay out of Holm's families.
        order: Cells in the order wanted; others follow, by configuration and task.

    Returns:
        One verdict a cell. Never raises for what the values are: what cannot be judged is INVALID or INCONCLUSIVE.
    """
    broken = dict(invalid or {})
    known = {*recorded, *reproduced}
    measured = []
    for cell in (*(cell for cell in dict.fromkeys(order) if cell in known), *sorted(known - set(order))):
        sides = tuple(recorded.get(cell, ())), tuple(reproduced.get(cell, ()))
        measured.append(_measure(cell, *sides, rules, broken.get(cell, "")))
    shifts = _adjusted([cell.p for cell in measured])
    spreads = _adjusted([cell.spread_p for cell in measured])
    return tuple(
        _decide(evolve(cell, p_holm=shift, spread_p_holm=spread), rules) if cell.is_judged else cell
        for cell, shift, spread in zip(measured, shifts, spreads, strict=True)
    )


def _adjusted(p_values: Sequence[float]) -> list[float]:
    """Holm's adjustment over those that are numbers; the others stay NaN."""
    tested = [index for index, p in enumerate(p_values) if not math.isnan(p)]
    found = [math.nan] * len(p_values)
    for index, p in zip(tested, holm([p_values[index] for index in tested]), strict=True):
        found[index] = p
    return found


def _measure(
    cell: Cell, recorded: tuple[float, ...], reproduced: tuple[float, ...], rules: VerdictRules, invalid: str
) -> CellVerdict:
    config, task = cell
    verdict = CellVerdict(config=config, task=task, recorded=recorded, reproduced=reproduced)
    if not invalid and not all(map(is_measurable, (*recorded, *reproduced))):
        invalid = "a value is not a finite number of a size that can be squared"
    if invalid:
        return evolve(verdict, decision=Decision.INVALID, reason=invalid)
    recorded, reproduced = tuple(sorted(recorded)), tuple(sorted(reproduced))
    x, y = sample(recorded), sample(reproduced)
    verdict = evolve(
        verdict,
        recorded=recorded,
        reproduced=reproduced,
        recorded_mean=x.mean,
        recorded_sd=x.sd,
        reproduced_mean=y.mean,
        reproduced_sd=y.sd,
        difference=y.mean - x.mean,
        k=rules.k(x.count, y.count),
    )
    if x.count == 0 or y.count == 0:
        missing = "recorded" if x.count == 0 else "reproduced"
        return evolve(verdict, decision=Decision.INVALID, reason=f"no {missing} outcome to compare")
    if x.count + y.count < 3:
        return evolve(verdict, reason="one seed on each side: the spread between seeds is unknown")
    return _test(verdict, x, y, rules)


def _test(verdict: CellVerdict, x: Sample, y: Sample, rules: VerdictRules) -> CellVerdict:
    degrees = x.count + y.count - 2
    pooled = math.sqrt((x.sum_of_squares + y.sum_of_squares) / degrees)
    error = pooled * math.sqrt(1 / x.count + 1 / y.count)
    t = t_value(verdict.difference, error)
    slack = one_sided_quantile(rules.alpha, degrees) * error
    upper = abs(verdict.difference) + slack
    margin = max(rules.floor, verdict.k * pooled)
    half = margin - slack
    return evolve(
        verdict,
        pooled_sd=pooled,
        degrees=degrees,
        t=t,
        p=two_sided_p(t, degrees),
        upper=upper,
        upper_percent=100 * upper / abs(x.mean) if x.mean != 0 else None,
        margin=margin,
        band=(x.mean - half, x.mean + half) if half >= 0 else (math.nan, math.nan),
        spread_p=spread_p(x, y),
    )


def _decide(verdict: CellVerdict, rules: VerdictRules) -> CellVerdict:
    spread = spread_decision(verdict, rules)
    verdict = evolve(verdict, withheld=spread.withheld)
    shift = f"{verdict.difference:+.{rules.decimals}f} points"
    # FAIL first: with many seeds a shift can be both shown to exist and shown to be under k, and then it exists.
    if verdict.p_holm <= rules.alpha / 2 and abs(verdict.difference) > rules.floor:
        reason = f"a shift of {shift}, Holm-adjusted p = {verdict.p_holm:.3g}"
        return evolve(verdict, decision=Decision.FAIL, reason=reason)
    if spread.failed:
        return evolve(verdict, decision=Decision.FAIL, reason=spread.failed)
    bound = f"{_rounded_up(verdict.upper, rules.decimals)} points"
    if verdict.upper_percent is not None:
        bound += f" ({verdict.upper_percent:.0f}% of the recorded mean)"
    if verdict.upper > verdict.margin:
        reason = (
            f"a shift of up to {bound} is left open, more than the {verdict.margin:.{rules.decimals}f} a PASS may leave"
        )
    elif spread.withheld:
        reason = spread.withheld
    else:
        reason = f"a shift of up to {bound} is left open"
        return evolve(verdict, decision=Decision.PASS, reason=reason)
    return evolve(verdict, decision=Decision.INCONCLUSIVE, reason=reason)


def _rounded_up(value: float, decimals: int) -> str:
    # A bound is rounded up: rounding it down would certify more than was shown.
    unit = 10.0**decimals
    return f"{math.ceil(round(value * unit, 6)) / unit:.{decimals}f}"
