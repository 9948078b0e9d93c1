"""Which trackers are installed and who offers each. Only ``rephase run --track`` and listings look."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint
from typing import Any

from attrs import frozen

from rephase.plugins.offering import Named, Offering, look_for
from rephase.plugins.offers import TrackerOffer
from rephase.plugins.registry import Fault
from rephase.plugins.sources import Source

__all__ = ["Trackers", "discover_trackers"]


@frozen
class Trackers:
    """What one look at the installed trackers found.

    Args:
        found: The trackers.
    """

    found: Offering[TrackerOffer]

    @property
    def offered(self) -> tuple[Named[TrackerOffer], ...]:
        """Usable trackers, sorted by name."""
        return self.found.offered

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What cannot be used because of its trackers, sorted by owner."""
        return self.found.faults

    def load(self, name: str) -> Callable[..., Any]:
        """Import the builder of the tracker of this name.

        Raises:
            PluginError: Plugins collide over it, or what it needs is missing.
            UnknownName: Nobody usable offers it.
        """
        return self.found.find(name, "--track").load()


def discover_trackers(sources: Iterable[tuple[Source, EntryPoint]] | None = None) -> Trackers:
    """Ask the installed plugins for their trackers.

    Args:
        sources: What to look through; None looks at what is installed.
    """
    return Trackers(look_for("rephase_trackers", "tracker", TrackerOffer, sources))
