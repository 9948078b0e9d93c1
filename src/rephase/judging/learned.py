"""Cells whose record is what a policy returns before its first update: agreeing with those shows no learning."""

from __future__ import annotations

from collections.abc import Sequence

from rephase.judging.cells import Cell, judge_cells
from rephase.manifest.outcomes import Outcome, RecordedOutcomes
from rephase.manifest.rules import VerdictRules

__all__ = ["like_untrained"]


def like_untrained(recorded: RecordedOutcomes, rules: VerdictRules) -> dict[Cell, str]:
    """Say which cells' records cannot be told from untrained policies.

    Args:
        recorded: Recorded outcomes, with rows of untrained policies where somebody played them.
        rules: The numbers to judge by. A cell can be told where Student's t-test of the two means, Holm-adjusted over
            all cells that have both, has p at most alpha.

    Returns:
        A clause for each such cell, by configuration and task; cells that nobody played untrained are not among them.
    """
    untrained, judged = _values(recorded.untrained), _values(recorded.judged)
    both = untrained.keys() & judged.keys()
    cells = judge_cells({cell: untrained[cell] for cell in both}, {cell: judged[cell] for cell in both}, rules)
    return {
        (cell.config, cell.task): (
            f"the record, {cell.reproduced_mean:.1f}, cannot be told from untrained policies, "
            f"{cell.recorded_mean:.1f} (n = {len(cell.recorded)}, p = {cell.p_holm:.2g}): agreeing shows no learning"
        )
        for cell in cells
        if cell.is_judged and cell.p_holm > rules.alpha
    }


def _values(outcomes: Sequence[Outcome]) -> dict[Cell, list[float]]:
    values: dict[Cell, list[float]] = {}
    for outcome in outcomes:
        values.setdefault(outcome.run[:2], []).append(outcome.reward)
    return values
