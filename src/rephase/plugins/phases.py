"""Which folders of phases installed distributions ship. Only asked for a phase that the project does not have."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from importlib.metadata import EntryPoint
from pathlib import Path

from attrs import frozen

from rephase.plugins.offering import Offering, look_for
from rephase.plugins.offers import PhasesOffer
from rephase.plugins.sources import Source
from rephase.plugins.strangers import Failed, ask

__all__ = ["ShippedPhases", "discover_phases", "shipped_phases"]

_FOLDER = "reproductions"


@frozen
class ShippedPhases:
    """A folder of phases and who ships it.

    Args:
        project: The folder that holds ``reproductions``.
        source: The distribution.
    """

    project: Path
    source: Source


def discover_phases(sources: Iterable[tuple[Source, EntryPoint]] | None = None) -> Offering[PhasesOffer]:
    """Ask the installed plugins for their phases.

    Args:
        sources: What to look through; None looks at what is installed.
    """
    return look_for("rephase_phases", "phases of", PhasesOffer, sources, listing="rephase show")


def shipped_phases() -> tuple[ShippedPhases, ...]:
    """The folders that installed distributions ship, sorted by package; one without any phase yet is not there."""
    found = []
    for one in discover_phases().offered:
        place = _place(one.offer.package)
        if place is not None and (place / _FOLDER).is_dir():
            found.append(ShippedPhases(place, one.source))
    return tuple(found)


def _place(package: str) -> Path | None:
    """Folder of a package, which is not imported; packages around it are."""
    try:
        spec = ask(lambda: importlib.util.find_spec(package))
    except Failed:
        return None
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else None
