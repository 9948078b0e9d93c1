"""Which distributions on the path carry an entry point in the group ``rephase``, and which of them count.

Installed is what a tidy installer leaves behind; a path also holds what untidy ones left: metadata without a name, of
an older version, of an uninstallation that was cut off. Each distribution counts once, as the copy that its code
belongs to, and everything else becomes a `Leftover` that says where it lies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path

from attrs import frozen
from packaging.version import InvalidVersion, Version

from rephase.plugins.strangers import Failed, ask

__all__ = ["GROUP", "Leftover", "Source", "installed_sources", "leftovers", "normalised"]

GROUP = "rephase"


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


@frozen(order=True)
class Leftover:
    """Metadata of a plugin that was found on the path and is not used.

    Args:
        place: Folder or file it lies in.
        problem: Why it does not count.
        remedy: What to do about it.
    """

    place: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}; {self.remedy}"


@frozen(kw_only=True)
class _Copy:
    """One distribution's metadata on the path, whole: where, of which version, with which entry points."""

    name: str
    version: Version
    written: str
    place: str
    home: str
    entry_points: tuple[EntryPoint, ...]


def normalised(distribution: str) -> str:
    """A distribution's name as packaging tools compare it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def installed_sources() -> tuple[tuple[Source, EntryPoint], ...]:
    """Every entry point in the group, with the distribution it belongs to, sorted; leftovers are not among them."""
    found = [
        (Source(copy.name, copy.written, entry_point.value), entry_point)
        for copy in _chosen(_look()[0]).values()
        for entry_point in copy.entry_points
    ]
    return tuple(sorted(found, key=lambda pair: pair[0]))


def leftovers() -> tuple[Leftover, ...]:
    """What lies on the path like a plugin and is none, sorted."""
    copies, found = _look()
    chosen = _chosen(copies)
    for copy in copies:
        used = chosen[copy.name]
        # The same version further down the path is the same thing installed twice, which is ordinary.
        if copy is not used and copy.home == used.home:
            problem = f"{copy.name} {copy.written} is not used beside {used.name} {used.written} in {used.place}"
            found.append(Leftover(copy.place, problem, "remove this folder"))
    return tuple(sorted(set(found)))


def _chosen(copies: Iterable[_Copy]) -> dict[str, _Copy]:
    """The copy of each distribution that counts: the first place on the path, and there the newest version."""
    chosen: dict[str, _Copy] = {}
    for copy in copies:
        best = chosen.get(copy.name)
        if best is None or (copy.home == best.home and copy.version > best.version):
            chosen[copy.name] = copy
    return chosen


def _look() -> tuple[list[_Copy], list[Leftover]]:
    copies: list[_Copy] = []
    found: list[Leftover] = []
    for distribution in distributions():
        place = _place(distribution)
        try:
            one = ask(partial(_read, distribution, place))
        except Failed as failed:
            one = Leftover(place, f"its metadata cannot be read: {failed}", "remove this folder or install it again")
        if isinstance(one, Leftover):
            found.append(one)
        elif one is not None:
            copies.append(one)
    return copies, found


def _read(distribution: Distribution, place: str) -> _Copy | Leftover | None:
    """What one distribution says of itself; None where it is no plugin."""
    entry_points = tuple(distribution.entry_points.select(group=GROUP))
    if not entry_points:
        return None
    if Path(place).name.startswith("~"):  # pip renames what it is about to remove, and may be cut off
        return Leftover(place, "is left of an uninstallation that was cut off", "remove this folder")
    metadata = distribution.metadata
    # Asked for a field that is missing, some versions answer None and newer ones raise.
    keys = set(metadata)
    name, written = (metadata[key] if key in keys else None for key in ("Name", "Version"))
    if not name or not written:
        lacks = "name" if not name else "version"
        return Leftover(place, f"has entry points and no {lacks}", "remove this folder or install it again")
    try:
        version = Version(written)
    except InvalidVersion:
        return Leftover(place, f"{written!r} is no version", "remove this folder or install it again")
    return _Copy(
        name=normalised(name),
        version=version,
        written=written,
        place=place,
        home=str(distribution.locate_file("")),
        entry_points=entry_points,
    )


def _place(distribution: Distribution) -> str:
    # Only the private path says which of several folders beside each other it was; other finders have none.
    return str(getattr(distribution, "_path", "") or f"a {type(distribution).__name__} on the path")
