"""``rephase evaluate PHASE --episodes N``: kept policies, new episodes, beside the protocol's figures."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from rephase.cli.options import add_phase, computes_as_asked, phase_of, project_of, store_of
from rephase.cli.rendering import emit, table, tell
from rephase.errors import CannotRunHere, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rephase.reproduction.reevaluating import CellNoise, Reevaluation

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_phase(parser)
    parser.add_argument("--episodes", type=int, default=100, help="new episodes of each policy (default: 100)")
    parser.add_argument("--config", default="", help="only runs of this config")
    parser.add_argument("--task", default="", help="only runs of this task")
    parser.add_argument("--seed", type=int, help="only runs of this seed")


def run(arguments: argparse.Namespace) -> int:
    """Play the episodes; records stay as they are.

    Returns:
        0.
    """
    from rephase.judging.plain import plain
    from rephase.judging.tables import titles
    from rephase.reproduction.reevaluating import noise_of_cells, reevaluate

    if arguments.episodes < 2:
        raise UsageError(f"{arguments.episodes} episodes say nothing", where="--episodes", remedy="take 2 or more")
    phase = phase_of(arguments)
    store = store_of(arguments, phase)
    wanted = phase.select(arguments.config, arguments.task, arguments.seed, reference=True)
    records = [record for one in wanted if (record := store.record(one)) is not None]
    if not records:
        raise CannotRunHere(
            "no run of it is complete, so there is no policy to evaluate",
            where=phase.name,
            remedy=f"'rephase run {phase.manifest.phase} --scale {phase.manifest.scale}' makes some",
        )
    computes_as_asked(arguments, phase, "cpu")
    found = list(reevaluate(store, project_of(arguments), records, arguments.episodes, tell))
    cells = noise_of_cells(found)
    data = {"episodes": arguments.episodes, "runs": [one.to_json() for one in found], "cells": plain(cells)}
    emit(arguments, data, _text(found, cells, titles(phase)))
    return 0


def _text(found: Sequence[Reevaluation], cells: Sequence[CellNoise], names: Mapping[str, str]) -> str:
    rows = [
        [
            names.get(one.run.config, one.run.config),
            one.run.task,
            str(one.run.seed),
            f"{one.mean_before:.1f} ({len(one.before)})",
            f"{one.mean_after:.1f} ({len(one.after)})",
            f"{one.mean_after - one.mean_before:+.1f}",
        ]
        for one in found
    ]
    runs = table(["Config", "Task", "Seed", "Protocol", "New", "New less protocol"], rows, numbers=(2, 3, 4, 5))
    rows = [
        [
            names.get(cell.config, cell.config),
            cell.task,
            _number(cell.sd_before),
            _number(cell.noise_before),
            _number(cell.sd_after),
            _number(cell.noise_after),
        ]
        for cell in cells
    ]
    columns = ["Config", "Task", "SD", "by episodes", "SD, new", "by episodes"]
    spreads = table(columns, rows, numbers=(2, 3, 4, 5))
    note = (
        "SD is between seeds; 'by episodes' is what the episodes alone would give. Seeds\n"
        "that spread less than that agree by luck."
    )
    return "\n\n".join([f"Mean returns and, in brackets, episodes:\n{runs}", spreads, note])


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1f}"
