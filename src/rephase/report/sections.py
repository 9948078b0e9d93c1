"""What plugins have to say in a report: plain values in, plain text out. One that fails leaves a note that names it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import frozen

from rephase.errors import PluginError
from rephase.judging import PhaseVerdict
from rephase.manifest import Phase
from rephase.manifest.hashing import plain
from rephase.manifest.record import Record
from rephase.plugins import SectionOffer
from rephase.plugins.offering import Named
from rephase.plugins.sections import discover_sections
from rephase.plugins.strangers import Failed, ask, shown
from rephase.protocols import ReportSection

__all__ = ["PluginSections", "plugin_sections"]


@frozen
class PluginSections:
    """What plugins said.

    Args:
        sections: Sections by the name of their offer, sorted by it.
        notes: One line for each section that could not be made.
    """

    sections: tuple[tuple[str, ReportSection], ...] = ()
    notes: tuple[str, ...] = ()


def plugin_sections(
    phase: Phase, records: Sequence[Record], verdict: PhaseVerdict, named: Sequence[str] = ()
) -> PluginSections:
    """Let the plugins that a phase pins add their sections, and those that were asked for by name.

    Args:
        phase: The phase.
        records: Its readable records.
        verdict: How it was judged.
        named: Names of further sections, of any installed plugin.

    Raises:
        UnknownName: Nobody offers a section of a name that was asked for.
        PluginError: Several plugins do.
    """
    pinned = discover_sections(phase.manifest.plugins)
    offers = {one.offer.name: one for one in pinned.offered}
    if named:
        every = discover_sections()
        for name in named:
            every.find(name, "--section")
        offers |= {one.offer.name: one for one in every.offered if one.offer.name in named}
    notes = [f"sections of {fault.error()}" for fault in pinned.faults]
    if not offers:
        return PluginSections(notes=tuple(notes))
    values = _values(phase, records, verdict)
    sections = []
    for name in sorted(offers):
        try:
            section = _made(offers[name], *values)
        except (Failed, PluginError) as error:
            words = shown(error, str)
            notes.append(f"the section {name!r} of {offers[name].source} could not be made: {words}")
            continue
        if section is not None:
            sections.append((name, section))
    return PluginSections(tuple(sections), tuple(notes))


def _made(named: Named[SectionOffer], phase: Any, records: Any, verdict: Any) -> ReportSection | None:
    builder = named.offer.load()
    found = ask(lambda: builder(phase, records, verdict))
    if found is not None and not isinstance(found, ReportSection):
        raise Failed(f"it is a {type(found).__name__}, expected a rephase.protocols.ReportSection or None")
    return found


def _values(phase: Phase, records: Sequence[Record], verdict: PhaseVerdict) -> tuple[Any, Any, Any]:
    """Plain values, which a plugin may change without changing the report."""
    about = {**plain(phase.manifest), "digest": phase.digest, "name": phase.name}
    return about, [plain(record) for record in records], verdict.to_json()
