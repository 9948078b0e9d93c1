"""``rephase fetch PHASE``: the phase's input files, each by revision and digest, put where the manifest wants them."""

from __future__ import annotations

import argparse

from rephase.cli.options import add_phase, phase_of
from rephase.cli.rendering import emit, table, tell

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_phase(parser, scale="logged")
    parser.add_argument(
        "--from",
        dest="given",
        metavar="[INPUT=]FILE",
        action="append",
        default=[],
        help="take this file instead of asking the hub; may be given again for further inputs",
    )
    parser.add_argument("--offline", action="store_true", help="do not ask the hub, only what it gave earlier")


def run(arguments: argparse.Namespace) -> int:
    """Fetch what is missing and verify everything.

    Returns:
        0 when every input that can be fetched is in its place and is the one that was pinned.
    """
    from rephase.manifest.files import displayed
    from rephase.reproduction.fetching import assign_files, fetch_phase
    from rephase.reproduction.hub import HuggingFaceHub

    phase = phase_of(arguments)
    found = fetch_phase(phase, HuggingFaceHub(), assign_files(phase, arguments.given), tell, offline=arguments.offline)
    data = {
        "inputs": [
            {
                "how": one.source,
                "name": one.name,
                "origin": one.origin,
                "path": str(one.path),
                "pinned_now": one.pinned_now,
                "sha256": one.sha256,
            }
            for one in found
        ],
        "phase": phase.manifest.phase,
        "scale": str(phase.manifest.scale),
    }
    rows = [
        [one.name, one.source + (", pinned now" if one.pinned_now else ""), one.sha256, one.origin, displayed(one.path)]
        for one in found
    ]
    made = sum(one.source == "to be made" for one in found)
    ready = len(found) - made
    count = f"{ready} {'input' if ready == 1 else 'inputs'} in place and verified"
    count += f", {made} to be made" if made else ""
    summary = f"{phase.manifest.phase} at the {phase.manifest.scale} scale: {count}"
    emit(arguments, data, "\n".join([table(["Input", "From", "Digest", "Pinned from", "Path"], rows), summary]))
    return 0
