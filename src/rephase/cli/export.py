"""``rephase export PHASE``: the completed runs of a phase as an RO-Crate, with where everything came from."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime
from pathlib import Path

from rephase.cli.options import add_phase, phase_of, store_of
from rephase.cli.rendering import emit
from rephase.errors import UsageError

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_phase(parser)
    parser.add_argument("--to", type=Path, help="folder of the crate (default: PHASE-SCALE-crate here)")
    parser.add_argument("--date", default="", help="date of publication, YYYY-MM-DD (default: today)")


def run(arguments: argparse.Namespace) -> int:
    """Export the phase.

    Returns:
        0.
    """
    from rephase.reproduction.exporting import export_phase

    phase = phase_of(arguments)
    published = arguments.date or datetime.now(UTC).date().isoformat()
    try:
        date.fromisoformat(published)
    except ValueError as error:
        raise UsageError(f"{published!r} is no date", where="--date", remedy="write YYYY-MM-DD") from error
    folder = arguments.to or Path(f"{phase.name}-crate")
    crate = export_phase(store_of(arguments, phase), folder, published)
    data = {"folder": str(crate.folder), "runs": crate.runs, "files": crate.files}
    emit(arguments, data, f"{crate.runs} runs, {crate.files} files and their provenance in {crate.folder}")
    return 0
