"""Cells whose record is what a policy returns before its first update: agreeing with those shows no learning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rephase.judging.cells import Cell, judge_cells
from rephase.manifest.rules import VerdictRules

__all__ = ["like_untrained"]


def like_untrained(
    untrained: Mapping[Cell, Sequence[float]], recorded: Mapping[Cell, Sequence[float]], rules: VerdictRules
) -> dict[Cell, str]:
    """Say which cells' records cannot be told from untrained policies.

    Args:
        untrained: What untrained policies returned in each cell that somebody played, one value a seed.
        recorded: Recorded values of each cell.
        rules: The numbers to judge by. A cell can be told where Student's t-test of the two means, Holm-adjusted over
            all cells that have both, has p at most alpha.

    Returns:
        A clause for each such cell, by configuration and task; cells that nobody played untrained are not among them.
    """
    both = untrained.keys() & recorded.keys()
    cells = judge_cells({cell: untrained[cell] for cell in both}, {cell: recorded[cell] for cell in both}, rules)
    return {
        (cell.config, cell.task): (
            f"the record, {cell.reproduced_mean:.1f}, cannot be told from untrained policies, "
            f"{cell.recorded_mean:.1f} (n = {len(cell.recorded)}, p = {cell.p_holm:.2g}): agreeing shows no learning"
        )
        for cell in cells
        if cell.is_judged and cell.p_holm > rules.alpha
    }
