"""``rephase plugins``: what is installed and who offers it. Imports no torch and builds nothing."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import attrs

from rephase.cli.rendering import emit, table
from rephase.environments import discover_tasks
from rephase.environments.known import BUILT_IN
from rephase.plugins import Kind
from rephase.plugins.offering import Offering
from rephase.plugins.phases import discover_phases
from rephase.plugins.registry import Fault, discover
from rephase.plugins.runners import discover_runners
from rephase.plugins.sections import discover_sections
from rephase.plugins.sources import Leftover, leftovers
from rephase.plugins.trackers import discover_trackers

__all__ = ["configure", "run"]

_NAMED: dict[str, Callable[[], Offering[Any]]] = {
    "phases": discover_phases,
    "runner": discover_runners,
    "section": discover_sections,
    "task": discover_tasks,
    "tracker": lambda: discover_trackers().found,
}
"""What is known by its name alone and is no part."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--kind", choices=[*map(str, Kind), *_NAMED], help="only parts of this kind")


def run(arguments: argparse.Namespace) -> int:
    """List parts and faults.

    Returns:
        0, or 2 when a plugin is at fault. Metadata that is not used is listed and no fault.
    """
    registry = discover()
    named = {kind: look() for kind, look in _NAMED.items()}
    found = [(str(one.offer.kind), one.offer.name, one.source, one.offer.summary) for one in registry.offered]
    # The log's own tasks are many and always there; 'rephase tasks' lists them.
    found += [
        (kind, one.offer.name, one.source, one.offer.summary)
        for kind, offering in named.items()
        for one in offering.offered
        if one.source != BUILT_IN
    ]
    rows = [
        [kind, name, source.distribution, source.version, summary]
        for kind, name, source, summary in found
        if arguments.kind in (None, kind)
    ]
    left = leftovers()
    faults = (*registry.faults, *(fault for offering in named.values() for fault in offering.faults))
    keys = ("kind", "name", "distribution", "version", "summary")
    data = {
        "parts": [dict(zip(keys, row, strict=True)) | {"state": "ok"} for row in rows],
        "faults": [_fault_data(fault) for fault in faults],
        "leftovers": [attrs.asdict(one) for one in left],
    }
    emit(arguments, data, _text(rows, faults, left))
    return 2 if faults else 0


def _fault_data(fault: Fault) -> dict[str, object]:
    owners = [{"distribution": source.distribution, "version": source.version} for source in fault.sources]
    return {"owners": owners, "problem": fault.problem, "remedy": fault.remedy, "state": "failed"}


def _text(rows: list[list[str]], faults: tuple[Fault, ...], left: tuple[Leftover, ...]) -> str:
    lines = [table(["Kind", "Name", "Distribution", "Version", "Summary"], rows)]
    count = f"{len(rows)} {'part' if len(rows) == 1 else 'parts'}"
    failed = len(faults)
    lines.append(f"{count}, {failed} failed" if failed else f"{count}, none failed")
    lines.extend(f"failed: {fault.error()}" for fault in faults)
    lines.extend(f"not used: {one}" for one in left)
    return "\n".join(lines)
