"""The words a judgement can end in, and the exit code each of them means. Nothing is judged here."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["EXIT_CODES", "ClaimStatus", "Decision"]


class Decision(StrEnum):
    """How a cell, an aggregate or a phase was judged."""

    EXACT = "EXACT"
    """Every digest and return of every judged run is equal: the same computation, bit for bit."""
    PASS = "PASS"
    """No shift was shown, and what is left open is bounded by the margin and named."""
    FAIL = "FAIL"
    """A material shift, or a collapse of runs, was shown."""
    INCONCLUSIVE = "INCONCLUSIVE"
    """Neither was shown: too few seeds for their spread, or a spread that is not the recorded one."""
    INVALID = "INVALID"
    """What was run is not what was declared, so its figures judge nothing."""
    NOTHING = "NOTHING TO JUDGE YET"
    """Runs are still to be done, or nothing but the recorded runs themselves is there."""


class ClaimStatus(StrEnum):
    """What became of a statement that one method is better than another."""

    ESTABLISHED = "ESTABLISHED"
    """The reproduction shows it, in the direction of the record."""
    DIRECTION_ONLY = "DIRECTION ONLY"
    """Same direction in both, but chance alone explains it."""
    CONTRADICTED = "CONTRADICTED"
    """The reproduction shows the opposite."""
    NOT_ESTABLISHED = "NOT ESTABLISHED"
    """Neither shown nor pointing the same way, or not computable."""


EXIT_CODES = {
    Decision.EXACT: 0,
    Decision.PASS: 0,
    Decision.FAIL: 1,
    Decision.INCONCLUSIVE: 4,
    Decision.INVALID: 5,
    Decision.NOTHING: 3,
}
"""Exit code of `rephase check` for each decision about a phase; 2 is a bad manifest or usage."""
