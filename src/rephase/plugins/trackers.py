"""Which trackers are installed and who offers each. Only ``rephase run --track`` and listings look.

Separate from `rephase.plugins.registry`, so that nothing about a tracker can reach a run that does not ask for one: its
hook is not even called. Nothing is raised while looking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint
from typing import Any, cast

from attrs import frozen

from rephase.errors import UnknownName
from rephase.plugins.offers import TrackerOffer
from rephase.plugins.registry import Fault, Source, installed_sources, register

__all__ = ["OfferedTracker", "Trackers", "discover_trackers"]


@frozen
class OfferedTracker:
    """A tracker together with who offers it."""

    offer: TrackerOffer
    source: Source


@frozen
class Trackers:
    """What one look at the installed trackers found.

    Args:
        offered: Usable trackers, sorted by name.
        faults: What cannot be used because of its trackers, sorted by owner.
    """

    offered: tuple[OfferedTracker, ...]
    faults: tuple[Fault, ...] = ()

    def load(self, name: str) -> Callable[..., Any]:
        """Import the builder of the tracker of this name.

        Raises:
            PluginError: Plugins collide over it, or what it needs is missing.
            UnknownName: Nobody usable offers it.
        """
        for one in self.offered:
            if one.offer.name == name:
                return one.offer.load()
        for fault in self.faults:
            if ("tracker", name) in fault.names:
                raise fault.error("--track")
        known = [one.offer.name for one in self.offered]
        raise UnknownName("tracker", name, known, listing="rephase plugins", where="--track")


def discover_trackers(sources: Iterable[tuple[Source, EntryPoint]] | None = None) -> Trackers:
    """Ask the installed plugins for their trackers.

    Args:
        sources: What to look through; None looks at what is installed.

    Returns:
        What was found. Plugins that cannot be loaded at all are left out: `rephase.plugins.registry.discover` lists
        them.
    """
    by_name: dict[str, list[OfferedTracker]] = {}
    faults: list[Fault] = []
    for source, entry_point in installed_sources() if sources is None else sources:
        manager = register(source, entry_point)
        if isinstance(manager, Fault):
            continue
        for implementation in manager.hook.rephase_trackers.get_hookimpls():
            found = _offers(source, implementation.function)
            if isinstance(found, Fault):
                faults.append(found)
                continue
            for offer in found:
                by_name.setdefault(offer.name, []).append(OfferedTracker(offer, source))
    faults += [_collision(name, owners) for name, owners in by_name.items() if len(owners) > 1]
    return Trackers(
        offered=tuple(by_name[name][0] for name in sorted(by_name) if len(by_name[name]) == 1),
        faults=tuple(sorted(faults, key=lambda fault: fault.sources)),
    )


def _offers(source: Source, hook: Callable[..., Any]) -> list[TrackerOffer] | Fault:
    # A plugin is a stranger's code: whatever it raises must become a listed fault and not end the listing.
    try:
        offers = list(cast(Iterable[TrackerOffer], hook()))
    except Exception as error:
        words = " ".join(str(error).split()) or "no message"
        problem = f"rephase_trackers failed: {type(error).__name__}: {words}"
        return Fault((source,), problem, f"mend or remove {source.distribution}")
    for offer in offers:
        if not isinstance(offer, TrackerOffer):
            problem = f"rephase_trackers returned {offer!r}"
            return Fault((source,), problem, "return rephase.plugins.TrackerOffer objects")
    return offers


def _collision(name: str, owners: list[OfferedTracker]) -> Fault:
    sources = tuple(sorted(one.source for one in owners))
    who = " and ".join(str(source) for source in sources)
    return Fault(
        sources, f"tracker {name!r} is offered by {who}", "uninstall all but one of them", (("tracker", name),)
    )
