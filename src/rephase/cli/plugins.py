"""``rephase plugins``: what is installed and who offers it. Imports no torch and builds nothing."""

from __future__ import annotations

import argparse

from rephase.cli.rendering import emit, table
from rephase.plugins import Kind
from rephase.plugins.registry import Fault, Registry, discover

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--kind", choices=[str(kind) for kind in Kind], help="only parts of this kind")


def run(arguments: argparse.Namespace) -> int:
    """List parts and faults.

    Returns:
        0, or 2 when a plugin is at fault.
    """
    registry = discover()
    parts = [one for one in registry.offered if arguments.kind in (None, str(one.offer.kind))]
    rows = [
        [str(one.offer.kind), one.offer.name, one.source.distribution, one.source.version, one.offer.summary]
        for one in parts
    ]
    keys = ("kind", "name", "distribution", "version", "summary")
    data = {
        "parts": [dict(zip(keys, row, strict=True)) | {"state": "ok"} for row in rows],
        "faults": [_fault_data(fault) for fault in registry.faults],
    }
    emit(arguments, data, _text(rows, registry))
    return 2 if registry.faults else 0


def _fault_data(fault: Fault) -> dict[str, object]:
    owners = [{"distribution": source.distribution, "version": source.version} for source in fault.sources]
    return {"owners": owners, "problem": fault.problem, "remedy": fault.remedy, "state": "failed"}


def _text(rows: list[list[str]], registry: Registry) -> str:
    lines = [table(["Kind", "Name", "Distribution", "Version", "Summary"], rows)]
    count = f"{len(rows)} {'part' if len(rows) == 1 else 'parts'}"
    failed = len(registry.faults)
    lines.append(f"{count}, {failed} failed" if failed else f"{count}, none failed")
    lines.extend(f"failed: {fault.error()}" for fault in registry.faults)
    return "\n".join(lines)
