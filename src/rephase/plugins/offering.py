"""Offers of one hook that are known by name alone, such as trackers and runners: who offers each, and what failed.

Separate from `rephase.plugins.registry`, so that nothing about them can reach a run that does not ask for one: their
hooks are not even called. Nothing is raised while looking.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint
from typing import Generic, Protocol, TypeVar

from attrs import frozen

from rephase.errors import UnknownName
from rephase.plugins.registry import Fault, called, collision, register
from rephase.plugins.sources import Source, installed_sources, normalised

__all__ = ["Named", "Offering", "look_for"]


class _Named(Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=_Named)


@frozen
class Named(Generic[T]):
    """An offer together with who offers it."""

    offer: T
    source: Source


@frozen
class Offering(Generic[T]):
    """What one look at the installed plugins found.

    Args:
        kind: What messages call such a part.
        offered: Usable ones, sorted by name.
        faults: What cannot be used because of them, sorted by owner.
        listing: The command that lists them.
    """

    kind: str
    offered: tuple[Named[T], ...]
    faults: tuple[Fault, ...] = ()
    listing: str = "rephase plugins"

    def find(self, name: str, where: str) -> T:
        """The offer of this name.

        Raises:
            PluginError: Plugins collide over it.
            UnknownName: Nobody usable offers it.
        """
        for one in self.offered:
            if one.offer.name == name:
                return one.offer
        for fault in self.faults:
            if (self.kind, name) in fault.names:
                raise fault.error(where)
        known = [one.offer.name for one in self.offered]
        raise UnknownName(self.kind, name, known, listing=self.listing, where=where)


def look_for(
    hook: str,
    kind: str,
    wanted: type[T],
    sources: Iterable[tuple[Source, EntryPoint]] | None = None,
    listing: str = "rephase plugins",
    allowed: Iterable[str] | None = None,
) -> Offering[T]:
    """Ask the installed plugins for what they offer by one hook.

    Args:
        hook: Name of the hook.
        kind: What messages call such a part.
        wanted: What the hook must return.
        sources: What to look through; None looks at what is installed.
        listing: The command that lists them.
        allowed: Distributions that may be imported; None allows all.

    Returns:
        What was found. Plugins that cannot be loaded at all are left out: `rephase.plugins.registry.discover` lists
        them.
    """
    names = None if allowed is None else {normalised(name) for name in allowed}
    by_name: dict[str, list[Named[T]]] = {}
    faults: list[Fault] = []
    for source, entry_point in installed_sources() if sources is None else sources:
        if names is not None and source.distribution not in names:
            continue
        manager = register(source, entry_point)
        if isinstance(manager, Fault):
            continue
        for implementation in getattr(manager.hook, hook).get_hookimpls():
            found = called(source, hook, implementation.function, wanted)
            if isinstance(found, Fault):
                faults.append(found)
                continue
            for offer in found:
                by_name.setdefault(offer.name, []).append(Named(offer, source))
    faults += [
        collision(kind, name, [one.source for one in owners]) for name, owners in by_name.items() if len(owners) > 1
    ]
    return Offering(
        kind,
        offered=tuple(by_name[name][0] for name in sorted(by_name) if len(by_name[name]) == 1),
        faults=tuple(sorted(faults, key=lambda fault: fault.sources)),
        listing=listing,
    )
