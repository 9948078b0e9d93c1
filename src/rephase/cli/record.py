"""``rephase record PHASE``: completed runs become the recorded outcomes that later runs are judged against."""

from __future__ import annotations

import argparse

from rephase.cli.options import add_phase, phase_of, store_of
from rephase.cli.rendering import emit
from rephase.errors import UsageError

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_phase(parser)
    parser.add_argument(
        "--source", default="reference execution", help="who measured them (default: reference execution)"
    )
    parser.add_argument("--replace", action="store_true", help="replace a file that is there already")


def run(arguments: argparse.Namespace) -> int:
    """Write the recorded outcomes.

    Returns:
        0.
    """
    from rephase.manifest.outcomes import write_outcomes
    from rephase.reproduction.recording import outcomes_of

    phase = phase_of(arguments)
    if phase.manifest.scale == "logged":
        raise UsageError(
            "the outcomes of the logged scale are the log's own", where=phase.name, remedy="record another scale"
        )
    if not phase.manifest.recorded:
        raise UsageError("the manifest names no file", where=phase.name, remedy="add the key 'recorded'")
    path = phase.own_record  # never the record of the phase it was derived from
    if path.exists() and not arguments.replace:
        raise UsageError("is there already", where=str(path), remedy="--replace replaces it; say so in the changelog")
    recorded = outcomes_of(store_of(arguments, phase), arguments.source)
    write_outcomes(path, recorded)
    data = {"file": str(path), "outcomes": len(recorded.outcomes), "source": recorded.source}
    emit(arguments, data, f"{len(recorded.outcomes)} outcomes of {phase.name} recorded in {path}")
    return 0
