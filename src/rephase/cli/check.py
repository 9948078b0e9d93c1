"""``rephase check PHASE``: the phase's tables and its verdict, from folders alone. Needs no torch."""

from __future__ import annotations

import argparse
import textwrap
from typing import TYPE_CHECKING

from rephase.cli.options import add_expectation, add_phase, phase_of, store_of
from rephase.cli.rendering import emit, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rephase.judging import PhaseVerdict
    from rephase.manifest import Phase

__all__ = ["configure", "run"]

_COLUMNS = 80


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_phase(parser)
    add_expectation(parser)
    parser.add_argument("--extend", action="store_true", help="also list the runs an inconclusive phase may be given")


def run(arguments: argparse.Namespace) -> int:
    """Judge the phase.

    Returns:
        0 reproduced, 1 deviates, 3 nothing to judge yet, 4 inconclusive, 5 invalid.
    """
    from rephase.judging import verdict_text
    from rephase.judging.tables import OUTCOME_COLUMNS, outcome_rows, summary_columns, summary_rows, titles
    from rephase.manifest.shipped import about as about_phase
    from rephase.reproduction.checking import check_phase

    phase = phase_of(arguments)
    store = store_of(arguments, phase)
    records = store.records(extended=True)
    verdict = check_phase(store, records)
    outcomes = [record.outcome for record in records]
    rows = outcome_rows(outcomes, titles(phase))
    summary = summary_rows(phase, outcomes)
    columns = summary_columns(phase)
    scale = f"{phase.manifest.phase} at the {phase.manifest.scale} scale"
    about = f"{scale}: {about_phase(phase)}"
    data = verdict.to_json() | {
        "about": about,
        "manifest_digest": phase.digest,
        "outcomes": [dict(zip(OUTCOME_COLUMNS, row, strict=True)) for row in rows],
        "summary": [dict(zip(columns, row, strict=True)) for row in summary],
    }
    blocks = [textwrap.fill(about, _COLUMNS, break_on_hyphens=False)]
    if rows:
        blocks += [table(OUTCOME_COLUMNS, rows, numbers=(2, 3, 4)), _summary(columns, summary)]
    blocks.append(verdict_text(verdict, titles(phase)))
    if arguments.extend:
        blocks.append(_extension(verdict, phase))
    emit(arguments, data, "\n\n".join(blocks))
    return verdict.exit_code


def _summary(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The summary as one row a task or, where that is too wide, one row a config."""
    wide = table(columns, rows)
    if max(map(len, wide.splitlines())) <= _COLUMNS:
        return wide
    configs = columns[1:-1]
    long = [[row[0], config, cell, row[-1]] for row in rows for config, cell in zip(configs, row[1:-1], strict=True)]
    return table([columns[0], "Config", "Mean", columns[-1]], long)


def _extension(verdict: PhaseVerdict, phase: Phase) -> str:
    if verdict.extension is None:
        return "nothing to extend: only an INCONCLUSIVE phase is given its declared fresh seeds, and only once"
    runs = [f"  {config}/{task}/seed-{seed}" for config, task, seed in verdict.extension.runs]
    command = f"rephase run {phase.manifest.phase} --scale {phase.manifest.scale} --extend"
    return "\n".join([f"'{command}' adds:", *runs])
