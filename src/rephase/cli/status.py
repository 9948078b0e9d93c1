"""``rephase status [PHASE]``: where every run is in its life, from folders, corrected by the queue's word on jobs.

Writes nothing. Needs no torch, and no queue where nothing was submitted to one.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from rephase.cli.options import add_phase, phase_of, project_of, store_of
from rephase.cli.rendering import emit, table, tell
from rephase.errors import CannotRunHere

if TYPE_CHECKING:
    from rephase.manifest import Run
    from rephase.reproduction.storing import Store

__all__ = ["configure", "run"]

_SECONDS = 5.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_phase(parser, optional=True)
    parser.add_argument("--watch", action="store_true", help="look again every few seconds until nothing runs or waits")


def run(arguments: argparse.Namespace) -> int:
    """Show the state of runs.

    Returns:
        0.
    """
    while True:
        stores = _stores(arguments)
        rows = [row for store in stores for row in _rows(store)]
        emit(arguments, rows, _text(rows))
        if not arguments.watch or not any(row["state"] in ("QUEUED", "RUNNING") for row in rows):
            return 0
        time.sleep(_SECONDS)


def _stores(arguments: argparse.Namespace) -> list[Store]:
    from rephase.reproduction.phases import known_phases

    if arguments.phase:
        return [store_of(arguments, phase_of(arguments))]
    names = [name for name, scales in known_phases(project_of(arguments)).items() if arguments.scale in scales]
    stores = []
    for name in names:
        arguments.phase = name
        stores.append(store_of(arguments, phase_of(arguments)))
    arguments.phase = None
    return stores


def _by_engines(store: Store) -> dict[tuple[str, str, int], dict[str, Any]]:
    """What the engines say otherwise than the folders, by config, task and seed; nothing of it is written."""
    from rephase.protocols import Stage
    from rephase.reproduction.engines import engine_of
    from rephase.reproduction.reconciling import corrections, job_states
    from rephase.reproduction.submissions import read_submissions

    if not read_submissions(store):
        return {}
    try:
        states = job_states(store, engine_of, extended=True)
    except CannotRunHere as error:
        tell(f"the queue was not asked: {error}")
        return {}
    found: dict[Run, dict[str, Any]] = {
        run: {"unknown": f"job {state.job} is unknown: {state.reason}"}
        for run, state in states.items()
        if state.stage is Stage.UNKNOWN
    }
    for run, one in corrections(store, states).items():
        found[run] = {"state": str(one.state), "job": one.job, "reason": one.reason}
    return {(run.config, run.task, run.seed): said for run, said in found.items()}


def _rows(store: Store) -> list[dict[str, Any]]:
    manifest = store.phase.manifest
    by_engines = _by_engines(store)
    rows = []
    for row in store.summary(extended=True):
        if row["state"] or row["seed"] in manifest.seeds:
            said = dict(by_engines.get((row["config"], row["task"], row["seed"]), {}))
            honest = _honest({"reason": "", **row}, said.pop("unknown", ""))
            rows.append({"phase": manifest.phase, "scale": str(manifest.scale), **honest, **said})
    return rows


def _honest(row: dict[str, Any], unknown: str) -> dict[str, Any]:
    if unknown and row["state"] in ("QUEUED", "RUNNING") and not row["held"]:
        return {**row, "reason": unknown}
    # A process that died left RUNNING behind. On this machine's file system its lock is free then, which tells.
    if row["state"] == "RUNNING" and row["held"] is False:
        return {**row, "reason": "no process holds it: it died or is being moved; 'rephase run' goes on from there"}
    return row


def _text(rows: list[dict[str, Any]]) -> str:
    cells = [
        [
            f"{row['phase']} {row['scale']}",
            row["config"],
            row["task"],
            str(row["seed"]),
            row["state"] or "-",
            f"{row.get('epoch', 0)}/{row['epochs']}" if row.get("epochs") else "-",
            str(row.get("attempt", 0)),
            row.get("job") or "-",
            row["reason"],
        ]
        for row in rows
    ]
    columns = ["Phase", "Config", "Task", "Seed", "State", "Epoch", "Attempt", "Job", "Reason"]
    counts = Counter(row["state"] or "never asked for" for row in rows)
    line = ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "no phase here"
    return f"{table(columns, cells, numbers=(3, 5, 6))}\n{line}"
