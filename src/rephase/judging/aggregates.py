"""Judging methods: the mean shift of one configuration over all of its tasks.

A method that is a little worse everywhere can pass every cell; its mean shift cannot hide. Pure functions of judged
cells.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from attrs import frozen

from rephase.judging.cells import CellVerdict
from rephase.judging.decisions import Decision
from rephase.judging.samples import t_value, two_sided_p
from rephase.manifest.rules import VerdictRules

__all__ = ["AggregateVerdict", "judge_aggregates"]


@frozen(kw_only=True)
class AggregateVerdict:
    """How one method's mean shift was judged.

    Args:
        config: Name of the configuration.
        tasks: Tasks that went into the mean.
        difference: Mean over tasks of reproduced less recorded mean, in points.
        error: Standard error of that mean.
        degrees: Degrees of freedom after Satterthwaite.
        t: Difference over error.
        p: Two-sided p-value of no shift.
        level: p-value at or below which the shift counts as shown.
        material: Size above which a shown shift matters, in points.
        decision: FAIL for a shown, material shift; PASS where none was shown; INCONCLUSIVE where nothing can be tested.
        reason: One clause saying why.
    """

    config: str
    tasks: tuple[str, ...]
    difference: float
    error: float
    degrees: float
    t: float
    p: float
    level: float
    material: float
    decision: Decision
    reason: str


def judge_aggregates(cells: Sequence[CellVerdict], rules: VerdictRules) -> tuple[AggregateVerdict, ...]:
    """Judge the mean shift of every configuration among the cells.

    Args:
        cells: Judged cells; those without degrees of freedom stay out of the means.
        rules: The numbers to judge by.

    Returns:
        One verdict a configuration, by name.
    """
    configs = sorted({cell.config for cell in cells})
    level = rules.alpha / 2 / max(1, len(configs))
    return tuple(
        _judge(config, [cell for cell in cells if cell.config == config and cell.is_judged], level, rules)
        for config in configs
    )


def _judge(config: str, cells: Sequence[CellVerdict], level: float, rules: VerdictRules) -> AggregateVerdict:
    material = rules.floor / 2
    tasks = tuple(sorted(cell.task for cell in cells))
    difference = error = degrees = t = p = math.nan
    if cells:
        difference = math.fsum(cell.difference for cell in cells) / len(cells)
        error = math.sqrt(math.fsum(cell.variance for cell in cells)) / len(cells)
        degrees = _satterthwaite(cells)
        t = t_value(difference, error)
        p = two_sided_p(t, degrees)
    shift = f"{difference:+.{rules.decimals}f}"
    if not cells:
        decision, reason = Decision.INCONCLUSIVE, "no task has seeds enough for a test"
    elif p <= level and abs(difference) > material:
        decision = Decision.FAIL
        reason = f"a mean shift of {shift} points over {len(tasks)} tasks, p = {p:.3g} (level {level:.3g})"
    else:
        decision = Decision.PASS
        reason = f"no material mean shift shown: {shift} points, p = {p:.3g} (level {level:.3g})"
    return AggregateVerdict(
        config=config,
        tasks=tasks,
        difference=difference,
        error=error,
        degrees=degrees,
        t=t,
        p=p,
        level=level,
        material=material,
        decision=decision,
        reason=reason,
    )


def _satterthwaite(cells: Sequence[CellVerdict]) -> float:
    largest = max(cell.variance for cell in cells)
    if largest == 0:
        return float(sum(cell.degrees for cell in cells))
    shares = [cell.variance / largest for cell in cells]  # by shares, so that tiny variances do not underflow
    return math.fsum(shares) ** 2 / math.fsum(
        share**2 / cell.degrees for share, cell in zip(shares, cells, strict=True)
    )
