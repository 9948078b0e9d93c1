"""``rephase cancel PHASE``: ends the jobs of a phase, or of some of its runs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from rephase.cli.options import add_phase, phase_of, store_of
from rephase.cli.rendering import emit

if TYPE_CHECKING:
    from rephase.reproduction.cancelling import Cancelled

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_phase(parser)
    parser.add_argument("--config", default="", help="only runs of this config")
    parser.add_argument("--task", default="", help="only runs of this task")
    parser.add_argument("--seed", type=int, help="only runs of this seed")


def run(arguments: argparse.Namespace) -> int:
    """Cancel the jobs.

    Returns:
        0 when none is left, 3 when there are jobs nobody knows anything about.
    """
    from rephase.reproduction.cancelling import cancel
    from rephase.reproduction.engines import engine_of

    phase = phase_of(arguments)
    wanted = phase.select(arguments.config, arguments.task, arguments.seed, extended=True)
    done = cancel(store_of(arguments, phase), wanted, engine_of, extended=True)
    data = {
        "cancelled": {run.label: job for run, job in done.jobs.items()},
        "checks": list(done.checks),
        "unknown": {run.label: job for run, job in done.unknown.items()},
    }
    emit(arguments, data, _text(done))
    return 3 if done.unknown else 0


def _text(done: Cancelled) -> str:
    lines = [f"cancelled: {run.label} (job {job})" for run, job in done.jobs.items()]
    lines += [f"cancelled: the check (job {job})" for job in done.checks]
    lines += [
        f"left alone: {run.label} (job {job}), of which its engine says nothing" for run, job in done.unknown.items()
    ]
    return "\n".join(lines or ["no job waits or runs"])
