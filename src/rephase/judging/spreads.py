"""What the spread of a cell's reproduced seeds says by itself, whatever its mean says.

A rerun in which a run collapsed spreads widely, and a wide spread makes every shift look small. So a spread much wider
than the recorded one, or a single run far outside all that was recorded, forbids a PASS. Pure functions of values.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from attrs import frozen

from rephase.manifest.rules import VerdictRules

if TYPE_CHECKING:
    from rephase.judging.cells import CellVerdict

__all__ = ["COLLAPSE", "FAIL_ALPHA", "FAIL_SEEDS", "FAIL_SHARE", "SpreadDecision", "spread_decision"]

COLLAPSE = 4.0
"""A run under a fourth of the lowest recorded one, or over four times the highest, is far outside the record."""

FAIL_SEEDS = 12
"""Recorded seeds from which a spread alone may FAIL a cell; fewer do not know their own spread well enough."""

FAIL_ALPHA = 0.001
"""Error rate of such a FAIL over all cells: so small that heavy tails on both sides are not condemned."""

FAIL_SHARE = 1 / 3
"""Share of the recorded mean that a spread has to exceed to FAIL: one run of three lost more than half of it."""


@frozen
class SpreadDecision:
    """What a spread says.

    Args:
        withheld: Why it forbids a PASS; empty where it does not.
        failed: Why it is a FAIL; empty where it is none.
    """

    withheld: str = ""
    failed: str = ""


def spread_decision(cell: CellVerdict, rules: VerdictRules) -> SpreadDecision:
    """Judge the spread of a measured cell.

    Args:
        cell: The cell, with its moments and the p-values of its spread.
        rules: The numbers to judge by.

    Returns:
        What it says; nothing where a side has a single seed and no run is far outside the record.
    """
    withheld = _far_outside(cell, rules)
    failed = ""
    if cell.spread_p < rules.spread_alpha and cell.reproduced_sd > rules.floor / 2:
        wide = f"{cell.reproduced_sd:.{rules.decimals}f}"
        described = f"a spread of {wide} points, {_times(cell)} the recorded, {_farthest(cell, rules)}"
        withheld = withheld or described
        is_material = cell.reproduced_sd > max(rules.floor, FAIL_SHARE * abs(cell.recorded_mean))
        if len(cell.recorded) >= FAIL_SEEDS and cell.spread_p_holm <= FAIL_ALPHA and is_material:
            failed = f"{described}, Holm-adjusted p = {cell.spread_p_holm:.3g}"
    return SpreadDecision(withheld, failed)


def _far_outside(cell: CellVerdict, rules: VerdictRules) -> str:
    """Why a single run is far outside a record whose values all have one sign; empty where none is."""
    lowest, highest = cell.recorded[0], cell.recorded[-1]
    form = f".{rules.decimals}f"
    low, high = cell.reproduced[0], cell.reproduced[-1]
    if lowest > 0 and low < lowest / COLLAPSE and lowest - low > rules.floor:
        return f"a run at {low:{form}} points, under a fourth of the lowest recorded {lowest:{form}}"
    if lowest > 0 and high > highest * COLLAPSE and high - highest > rules.floor:
        return f"a run at {high:{form}} points, over four times the highest recorded {highest:{form}}"
    return ""


def _times(cell: CellVerdict) -> str:
    ratio = cell.reproduced_sd / cell.recorded_sd if cell.recorded_sd > 0 else math.inf
    return f"{ratio:.1f} times" if ratio < 1e6 else "far over"


def _farthest(cell: CellVerdict, rules: VerdictRules) -> str:
    value = max(cell.reproduced, key=lambda value: abs(value - cell.recorded_mean))
    return f"a run at {value:.{rules.decimals}f}"
