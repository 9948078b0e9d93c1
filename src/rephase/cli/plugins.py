"""``rephase plugins``: what is installed and who offers it. Imports no torch and builds nothing."""

from __future__ import annotations

import argparse

import attrs

from rephase.cli.rendering import emit, table
from rephase.environments import discover_tasks
from rephase.environments.known import BUILT_IN
from rephase.plugins import Kind
from rephase.plugins.registry import Fault, discover
from rephase.plugins.runners import discover_runners
from rephase.plugins.sources import Leftover, leftovers
from rephase.plugins.trackers import discover_trackers

__all__ = ["configure", "run"]

_TASK, _TRACKER, _RUNNER = "task", "tracker", "runner"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--kind", choices=[*map(str, Kind), _RUNNER, _TASK, _TRACKER], help="only parts of this kind")


def run(arguments: argparse.Namespace) -> int:
    """List parts and faults.

    Returns:
        0, or 2 when a plugin is at fault. Metadata that is not used is listed and no fault.
    """
    registry, runners, tasks, trackers = discover(), discover_runners(), discover_tasks(), discover_trackers()
    found = [(str(one.offer.kind), one.offer.name, one.source, one.offer.summary) for one in registry.offered]
    found += [(_RUNNER, one.offer.name, one.source, one.offer.summary) for one in runners.offered]
    # The log's own are many and always there; 'rephase tasks' lists them.
    found += [(_TASK, one.offer.name, one.source, one.offer.summary) for one in tasks.offered if one.source != BUILT_IN]
    found += [(_TRACKER, one.offer.name, one.source, one.offer.summary) for one in trackers.offered]
    rows = [
        [kind, name, source.distribution, source.version, summary]
        for kind, name, source, summary in found
        if arguments.kind in (None, kind)
    ]
    left = leftovers()
    faults = (*registry.faults, *runners.faults, *tasks.faults, *trackers.faults)
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
