"""``rephase log [PHASE]``: what is in the folders, as the log's own Markdown tables. Needs no torch."""

from __future__ import annotations

import argparse
from typing import Any

from rephase.cli.options import add_phase, phase_of, store_of
from rephase.cli.rendering import emit

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_phase(parser)
    parser.add_argument("--recorded", action="store_true", help="the recorded outcomes instead of the runs here")


def run(arguments: argparse.Namespace) -> int:
    """Render a phase's runs as the log writes them.

    Returns:
        0.
    """
    from rephase.judging.tables import (
        OUTCOME_COLUMNS,
        markdown,
        outcome_rows,
        summary_columns,
        summary_rows,
        titles,
    )
    from rephase.manifest.text import markdown_text
    from rephase.reproduction.checking import own_outcomes

    phase = phase_of(arguments)
    names = titles(phase)
    states: list[list[str]] = []
    if arguments.recorded:
        recorded = own_outcomes(phase)
        outcomes = list(recorded.judged)
        word = f"recorded: {recorded.source}"
    else:
        store = store_of(arguments, phase)
        outcomes = [record.outcome for record in store.records(extended=True)]
        states = [
            [names[row["config"]], row["task"], str(row["seed"]), row["state"] or "-", row.get("job") or "-"]
            for row in store.summary()
            if row["state"] != "COMPLETED"
        ]
        word = f"{len(outcomes)} of {len(phase.runs())} COMPLETED" if states else "COMPLETED"
    done = outcome_rows(outcomes, names)
    summary = summary_rows(phase, outcomes)
    blocks = [
        f"## {markdown_text(phase.manifest.title)} ({word})",
        f"{phase.manifest.phase} at the {phase.manifest.scale} scale, {phase.manifest.algorithm.epochs:,} epochs. "
        f"{markdown_text(phase.manifest.question)}".rstrip(),
        markdown(OUTCOME_COLUMNS, done),
        markdown(summary_columns(phase), summary),
    ]
    if states:
        blocks.append(markdown(["Config", "Task", "Seed", "State", "Job"], states))
    data: dict[str, Any] = {
        "phase": phase.manifest.phase,
        "scale": str(phase.manifest.scale),
        "outcomes": [dict(zip(OUTCOME_COLUMNS, row, strict=True)) for row in done],
        "summary": [dict(zip(summary_columns(phase), row, strict=True)) for row in summary],
        "unfinished": [dict(zip(["Config", "Task", "Seed", "State", "Job"], row, strict=True)) for row in states],
    }
    emit(arguments, data, "\n\n".join(blocks))
    return 0
