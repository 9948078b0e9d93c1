"""Which parts are installed, who offers each, and what failed to load.

Plugins are found through entry points in the group ``rephase``. Nothing is raised while looking: a plugin that cannot
be imported, leaves the program, misspells a hook or offers a name somebody else offers becomes a `Fault` that names
its owner, and only work that needs it stops. Nothing here imports torch, and neither may a plugin's own module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from importlib.metadata import EntryPoint
from typing import TypeVar, cast

import attrs
import pluggy
from attrs import frozen
from packaging.specifiers import SpecifierSet

from rephase.errors import PluginError, UnknownName
from rephase.plugins import hookspecs
from rephase.plugins.offers import Kind, Offer
from rephase.plugins.sources import GROUP, Source, installed_sources, normalised
from rephase.plugins.strangers import Failed, ask, shown

__all__ = ["Fault", "Offered", "Registry", "called", "collision", "discover", "register"]

_LISTING = "rephase plugins"
T = TypeVar("T")


@frozen
class Offered:
    """A part together with who offers it."""

    offer: Offer
    source: Source


@frozen
class Fault:
    """Why a plugin, or one name it offers, cannot be used.

    Args:
        sources: The distributions it is about; two or more when they collide.
        problem: What is wrong.
        remedy: What to do about it.
        names: The (kind, name) pairs this makes unusable; empty when it is the whole plugin.
    """

    sources: tuple[Source, ...]
    problem: str
    remedy: str
    names: tuple[tuple[str, str], ...] = ()

    def error(self, where: str = "") -> PluginError:
        """The fault as an exception."""
        owners = " and ".join(str(source) for source in self.sources)
        return PluginError(self.problem, where=where or owners, remedy=self.remedy)


@frozen
class Registry:
    """What one look at the installed plugins found.

    Args:
        offered: Usable parts, sorted by kind and name.
        faults: What cannot be used, sorted by owner.
        blocked: Plugins that are installed but not on the allow-list, sorted.
        loaded: Plugins that could be loaded, whatever they offer, sorted.
    """

    offered: tuple[Offered, ...]
    faults: tuple[Fault, ...] = ()
    blocked: tuple[Source, ...] = ()
    loaded: tuple[Source, ...] = ()

    def find(self, kind: Kind, name: str, where: str = "") -> Offered:
        """The part of this kind and name.

        Args:
            kind: Kind of part.
            name: Name it was asked for by.
            where: Where it was asked for, for the message.

        Returns:
            The part and its owner.

        Raises:
            PluginError: Plugins collide over it.
            UnknownName: Nobody usable offers it.
        """
        for offered in self.offered:
            if (offered.offer.kind, offered.offer.name) == (kind, name):
                return offered
        for fault in self.faults:
            if (kind, name) in fault.names:
                raise fault.error(where)
        known = [offered.offer.name for offered in self.offered if offered.offer.kind == kind]
        raise UnknownName(str(kind), name, known, listing=_LISTING, where=where)

    def require(self, pins: Mapping[str, str], where: str = "") -> tuple[Source, ...]:
        """Make sure that every pinned distribution is installed, whole and of a pinned version.

        Args:
            pins: Version specifier by distribution name; an empty specifier takes any version.
            where: The file that pins them, for the message.

        Returns:
            The sources pinned, sorted.

        Raises:
            PluginError: One is missing, broken or of another version.
        """
        usable = {source.distribution: source for source in (*(one.source for one in self.offered), *self.loaded)}
        for fault in self.faults:
            if any(source.distribution in map(normalised, pins) for source in fault.sources):
                raise fault.error()
        for name, specifier in sorted(pins.items()):
            place = f"{where}: plugins.{name}" if where else name
            source = usable.get(normalised(name))
            if source is None:
                raise PluginError(
                    "is not installed, or offers nothing", where=place, remedy=f"install {name}{specifier}"
                )
            if not SpecifierSet(specifier).contains(source.version, prereleases=True):
                raise PluginError(
                    f"version {source.version} is installed, {specifier} is asked for",
                    where=place,
                    remedy=f"install {name}{specifier}",
                )
        return tuple(sorted(usable[normalised(name)] for name in pins))


def discover(
    allowed: Iterable[str] | None = None, sources: Iterable[tuple[Source, EntryPoint]] | None = None
) -> Registry:
    """Load the installed plugins.

    Args:
        allowed: Distributions that may be imported; the others are listed as blocked and never imported. None allows
            all.
        sources: What to look through; None looks at what is installed.

    Returns:
        What was found; nothing is raised for what is wrong.
    """
    names = None if allowed is None else {normalised(name) for name in allowed}
    faults: list[Fault] = []
    blocked: list[Source] = []
    offered: list[Offered] = []
    whole: list[Source] = []
    for source, entry_point in installed_sources() if sources is None else sources:
        if names is not None and source.distribution not in names:
            blocked.append(source)
            continue
        loaded = _load(source, entry_point)
        if isinstance(loaded, Fault):
            faults.append(loaded)
        else:
            offered.extend(loaded)
            whole.append(source)
    usable, collisions = _without_collisions(offered)
    return Registry(
        offered=tuple(sorted(usable, key=lambda one: (one.offer.kind, one.offer.name))),
        faults=tuple(sorted([*faults, *collisions], key=lambda fault: fault.sources)),
        blocked=tuple(sorted(blocked)),
        loaded=tuple(sorted(whole)),
    )


def register(source: Source, entry_point: EntryPoint) -> pluggy.PluginManager | Fault:
    """Import one plugin and hold its hooks against the specifications; none of them is called.

    Args:
        source: Where it comes from.
        entry_point: What to import.

    Returns:
        A manager that knows this plugin alone, or what is wrong with it.
    """
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    try:
        ask(lambda: manager.register(entry_point.load(), name=source.distribution))
    except Failed as failed:
        if isinstance(failed.__cause__, pluggy.PluginValidationError):
            problem = f"does not fit the hook specifications: {shown(failed.__cause__, str)}"
            return Fault((source,), problem, "compare with rephase.plugins")
        return Fault((source,), f"{source.module} cannot be imported: {failed}", f"fix or remove {source.distribution}")
    misspelt = _misspelt_hook(manager)
    return Fault((source,), *misspelt) if misspelt else manager


def called(source: Source, hook: str, call: Callable[..., object], wanted: type[T]) -> list[T] | Fault:
    """What a plugin's hook returned, or what is wrong with it.

    Args:
        source: The plugin.
        hook: Name of the hook.
        call: The plugin's implementation.
        wanted: Class of what it must return, several of them in one iterable.
    """
    try:
        found = ask(lambda: list(cast("Iterable[T]", call())))
    except Failed as failed:
        return Fault((source,), f"{hook} failed: {failed}", f"fix or remove {source.distribution}")
    for one in found:
        if not isinstance(one, wanted):
            problem = f"{hook} returned {shown(one)}"
            return Fault((source,), problem, f"return rephase.plugins.{wanted.__name__} objects")
    return found


def collision(kind: str, name: str, owners: Iterable[Source]) -> Fault:
    """The fault of one name that is offered more than once."""
    sources = tuple(sorted(owners))
    who = " and ".join(map(str, sources))
    names = sorted({source.distribution for source in sources})
    remedy = "uninstall all but one of them" if len(names) > 1 else f"fix {names[0]}: it may offer a name once"
    return Fault(sources, f"{kind} {name!r} is offered by {who}", remedy, ((kind, name),))


def _load(source: Source, entry_point: EntryPoint) -> list[Offered] | Fault:
    manager = register(source, entry_point)
    if isinstance(manager, Fault):
        return manager
    implementations = manager.hook.rephase_offers.get_hookimpls()
    if not implementations:
        if any(getattr(manager.hook, name).get_hookimpls() for name in _known_hooks()):
            return []
        problem = f"{source.module} implements no hook"
        return Fault((source,), problem, "mark rephase_offers with rephase.plugins.hookimpl")
    offers = called(source, "rephase_offers", implementations[0].function, Offer)
    if isinstance(offers, Fault):
        return offers
    for offer in offers:
        if not isinstance(offer.kind, Kind) or not attrs.has(offer.config):
            problem = f"rephase_offers returned {shown(offer)}"
            return Fault((source,), problem, "return rephase.plugins.Offer objects of a Kind and with attrs configs")
    return [Offered(offer, source) for offer in offers]


def _known_hooks() -> list[str]:
    return [name for name in dir(hookspecs) if name.startswith("rephase_")]


def _misspelt_hook(manager: pluggy.PluginManager) -> tuple[str, str] | None:
    known = _known_hooks()
    for name in sorted(vars(manager.hook)):
        if name.startswith("_") or name in known:
            continue
        near = get_close_matches(name, known, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else "known hooks: " + ", ".join(known)
        return f"implements an unknown hook {name!r}", remedy
    return None


def _without_collisions(offered: list[Offered]) -> tuple[list[Offered], list[Fault]]:
    by_name: dict[tuple[Kind, str], list[Offered]] = {}
    for one in offered:
        by_name.setdefault((one.offer.kind, one.offer.name), []).append(one)
    usable = [owners[0] for owners in by_name.values() if len(owners) == 1]
    faults = [
        collision(kind, name, [one.source for one in owners])
        for (kind, name), owners in sorted(by_name.items())
        if len(owners) > 1
    ]
    return usable, faults
