"""What this distribution offers: its phases. In a checkout they are read where they lie, without this."""

from __future__ import annotations

from rephase.plugins import PhasesOffer, hookimpl

__all__ = ["rephase_phases"]


@hookimpl
def rephase_phases() -> list[PhasesOffer]:
    """Offer the phases that the project reproduces."""
    return [PhasesOffer("rephase_reproductions", "the phases of the log, and what was derived from them")]
