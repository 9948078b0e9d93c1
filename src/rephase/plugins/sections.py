"""Which report sections are installed and who offers each. Only reports and listings look."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint

from rephase.plugins.offering import Offering, look_for
from rephase.plugins.offers import SectionOffer
from rephase.plugins.sources import Source

__all__ = ["discover_sections"]


def discover_sections(
    allowed: Iterable[str] | None = None, sources: Iterable[tuple[Source, EntryPoint]] | None = None
) -> Offering[SectionOffer]:
    """Ask the installed plugins for their sections.

    Args:
        allowed: Distributions that may be imported; None allows all.
        sources: What to look through; None looks at what is installed.
    """
    return look_for("rephase_sections", "section", SectionOffer, sources, allowed=allowed)
