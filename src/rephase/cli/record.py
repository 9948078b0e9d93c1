"""``rephase record PHASE``: completed runs become the recorded outcomes that later runs are judged against."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from attrs import evolve

from rephase.cli.options import add_phase, computes_as_asked, phase_of, store_of
from rephase.cli.rendering import emit, tell
from rephase.errors import UsageError

if TYPE_CHECKING:
    from rephase.manifest import Phase

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_phase(parser)
    parser.add_argument(
        "--source", default="reference execution", help="who measured them (default: reference execution)"
    )
    parser.add_argument("--replace", action="store_true", help="replace a file that is there already")
    parser.add_argument(
        "--untrained",
        action="store_true",
        help="add what the declared runs' policies return before their first update, at any scale; needs no runs",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the recorded outcomes.

    Returns:
        0.
    """
    phase = phase_of(arguments)
    if not phase.manifest.recorded:
        raise UsageError("the manifest names no file", where=phase.name, remedy="add the key 'recorded'")
    return _record_untrained(arguments, phase) if arguments.untrained else _record(arguments, phase)


def _record(arguments: argparse.Namespace, phase: Phase) -> int:
    from rephase.manifest.outcomes import read_outcomes, write_outcomes
    from rephase.reproduction.recording import outcomes_of, still_untrained

    if phase.manifest.scale == "logged":
        raise UsageError(
            "the outcomes of the logged scale are the log's own", where=phase.name, remedy="record another scale"
        )
    path = phase.own_record  # never the record of the phase it was derived from
    if path.exists() and not arguments.replace:
        raise UsageError("is there already", where=str(path), remedy="--replace replaces it; say so in the changelog")
    recorded = outcomes_of(store_of(arguments, phase), arguments.source)
    if path.exists():
        kept = still_untrained(phase, read_outcomes(path))
        recorded = evolve(recorded, outcomes=(*recorded.outcomes, *kept))
    write_outcomes(path, recorded)
    data = {"file": str(path), "outcomes": len(recorded.judged), "source": recorded.source}
    emit(arguments, data, f"{len(recorded.judged)} outcomes of {phase.name} recorded in {path}")
    return 0


def _record_untrained(arguments: argparse.Namespace, phase: Phase) -> int:
    from rephase.manifest.outcomes import UNTRAINED, read_outcomes, write_outcomes
    from rephase.reproduction.untrained import untrained_outcomes

    path = phase.own_record
    if not path.exists():
        raise UsageError("is not there yet", where=str(path), remedy=f"'rephase record {arguments.phase}' comes first")
    computes_as_asked(arguments, phase, "cpu")
    recorded = read_outcomes(path)
    rows = untrained_outcomes(phase, phase.runs(extended=True), tell)
    others = [row for row in recorded.outcomes if recorded.source_of(row) != UNTRAINED]
    write_outcomes(path, evolve(recorded, outcomes=(*others, *rows)))
    data = {"file": str(path), "outcomes": len(rows), "source": UNTRAINED}
    emit(arguments, data, f"{len(rows)} untrained policies of {phase.name} recorded in {path}")
    return 0
