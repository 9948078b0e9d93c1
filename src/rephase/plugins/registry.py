"""Which parts are installed, who offers each, and what failed to load.

Plugins are found through entry points in the group ``rephase``. Nothing is raised while looking: a plugin that cannot
be imported, misspells a hook or offers a name somebody else offers becomes a `Fault` that names its owner, and only
work that needs it stops. Nothing here imports torch, and neither may a plugin's own module.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib.metadata import EntryPoint, distributions
from typing import cast

import attrs
import pluggy
from attrs import frozen
from packaging.specifiers import SpecifierSet

from rephase.errors import PluginError, UnknownName
from rephase.plugins import hookspecs
from rephase.plugins.offers import Kind, Offer

__all__ = ["GROUP", "Fault", "Offered", "Registry", "Source", "discover", "installed_sources", "normalised", "register"]

GROUP = "rephase"
_LISTING = "rephase plugins"


@frozen(order=True)
class Source:
    """Where a plugin comes from.

    Args:
        distribution: Normalised name of the installed distribution.
        version: Its version.
        module: What its entry point names.
    """

    distribution: str
    version: str
    module: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


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
    """

    offered: tuple[Offered, ...]
    faults: tuple[Fault, ...] = ()
    blocked: tuple[Source, ...] = ()

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
        usable = {offered.source.distribution: offered.source for offered in self.offered}
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


def normalised(distribution: str) -> str:
    """A distribution's name as packaging tools compare it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def installed_sources() -> tuple[tuple[Source, EntryPoint], ...]:
    """Every entry point in the group, with the distribution it belongs to, sorted; a shadowed copy is left out."""
    found: dict[tuple[str, str], tuple[Source, EntryPoint]] = {}
    for distribution in distributions():
        for entry_point in distribution.entry_points.select(group=GROUP):
            source = Source(normalised(distribution.name), distribution.version, entry_point.value)
            found.setdefault((source.distribution, entry_point.name), (source, entry_point))
    return tuple(sorted(found.values(), key=lambda pair: pair[0]))


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
    for source, entry_point in installed_sources() if sources is None else sources:
        if names is not None and source.distribution not in names:
            blocked.append(source)
            continue
        loaded = _load(source, entry_point)
        if isinstance(loaded, Fault):
            faults.append(loaded)
        else:
            offered.extend(loaded)
    usable, collisions = _without_collisions(offered)
    return Registry(
        offered=tuple(sorted(usable, key=lambda one: (one.offer.kind, one.offer.name))),
        faults=tuple(sorted([*faults, *collisions], key=lambda fault: fault.sources)),
        blocked=tuple(sorted(blocked)),
    )


def register(source: Source, entry_point: EntryPoint) -> pluggy.PluginManager | Fault:
    """Import one plugin and hold its hooks against the specifications; none of them is called.

    Args:
        source: Where it comes from.
        entry_point: What to import.

    Returns:
        A manager that knows this plugin alone, or what is wrong with it.
    """
    # A plugin is a stranger's code: whatever it raises must become a listed fault and not end the listing.
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(entry_point.load(), name=source.distribution)
    except pluggy.PluginValidationError as error:
        return _fault(
            source, f"does not fit the hook specifications: {_one_line(error)}", "compare with rephase.plugins"
        )
    except Exception as error:
        return _fault(
            source,
            f"{source.module} cannot be imported: {type(error).__name__}: {_one_line(error)}",
            f"mend or remove {source.distribution}",
        )
    misspelt = _misspelt_hook(manager)
    return _fault(source, *misspelt) if misspelt else manager


def _load(source: Source, entry_point: EntryPoint) -> list[Offered] | Fault:
    manager = register(source, entry_point)
    if isinstance(manager, Fault):
        return manager
    implementations = manager.hook.rephase_offers.get_hookimpls()
    if not implementations:
        if any(getattr(manager.hook, name).get_hookimpls() for name in _known_hooks()):
            return []
        return _fault(
            source, f"{source.module} implements no hook", "mark rephase_offers with rephase.plugins.hookimpl"
        )
    try:
        offers: list[Offer] = list(cast(Iterable[Offer], implementations[0].function()))
    except Exception as error:
        return _fault(
            source,
            f"rephase_offers failed: {type(error).__name__}: {_one_line(error)}",
            f"mend or remove {source.distribution}",
        )
    for offer in offers:
        if not isinstance(offer, Offer) or not attrs.has(offer.config):
            return _fault(
                source, f"rephase_offers returned {offer!r}", "return rephase.plugins.Offer objects with attrs configs"
            )
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
    faults = []
    for (kind, name), owners in sorted(by_name.items()):
        if len(owners) > 1:
            sources = tuple(sorted(one.source for one in owners))
            who = " and ".join(str(source) for source in sources)
            faults.append(
                Fault(sources, f"{kind} {name!r} is offered by {who}", "uninstall all but one of them", ((kind, name),))
            )
    return usable, faults


def _fault(source: Source, problem: str, remedy: str) -> Fault:
    return Fault((source,), problem, remedy)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or "no message"
