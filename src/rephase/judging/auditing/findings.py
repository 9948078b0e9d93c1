"""What an audit says: one finding for each thing that was recomputed. Nothing is recomputed here."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from attrs import frozen

__all__ = ["Finding", "Standing"]


class Standing(StrEnum):
    """How a recorded statement stands after recomputing it."""

    AGREES = "AGREES"
    """Recomputing gives what was recorded, within its rounding."""
    DIFFERS = "DIFFERS"
    """Recomputing gives something else."""
    UNSUPPORTED = "UNSUPPORTED"
    """The values do not carry what is concluded from them."""
    INCONSISTENT = "INCONSISTENT"
    """Two recorded statements cannot both stand."""
    CONFOUNDED = "CONFOUNDED"
    """Two causes changed together, so that neither can be told from the other."""
    SUSPECT = "SUSPECT"
    """Values are more alike than separate runs should be."""
    MISSING = "MISSING"
    """Something that should be recorded is not."""
    UNREAD = "UNREAD"
    """A line that looks like part of a table could not be read, so nothing of it was recomputed."""
    CONTRADICTED = "CONTRADICTED"
    """The values show the opposite of what is concluded from them."""
    NOTE = "NOTE"
    """Nothing is wrong, and a reader should know it."""


@frozen(kw_only=True)
class Finding:
    """One thing an audit recomputed.

    Args:
        check: Which check it is from, such as ``spread`` or ``duplicate``.
        where: Phase, cell, run or statement it is about.
        logged: What is recorded, in words.
        recomputed: What recomputing gave, in words.
        standing: How the recorded statement stands.
        why: Why it matters, one sentence.
    """

    check: str
    where: str
    logged: str
    recomputed: str
    standing: Standing
    why: str

    @property
    def needs_attention(self) -> bool:
        """Whether a reader should look at it: anything but AGREES and NOTE."""
        return self.standing not in (Standing.AGREES, Standing.NOTE)

    def to_json(self) -> dict[str, Any]:
        """Return the finding as JSON values."""
        return {
            "check": self.check,
            "where": self.where,
            "logged": self.logged,
            "recomputed": self.recomputed,
            "standing": self.standing.value,
            "why": self.why,
        }
