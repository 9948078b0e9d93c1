"""``rephase tasks``: the 30 tasks of the suite with their sizes. Loads no simulator."""

from __future__ import annotations

import argparse

from rephase.cli.rendering import emit, table
from rephase.environments.tasks import task_rows

__all__ = ["configure", "run"]

_COLUMNS = {
    "index": "Index",
    "name": "Task",
    "observation_size": "Observation",
    "action_size": "Action",
    "physics_step": "Physics step (s)",
    "substeps": "Substeps",
    "agent_step": "Agent step (s)",
    "reward": "Reward",
    "origin": "Origin",
}
"""What is shown of a row; the JSON has its domain as well."""

_TEXT = ("name", "reward", "origin")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--origin", choices=["stock", "custom"], help="only tasks dm_control has, or only the others")


def run(arguments: argparse.Namespace) -> int:
    """List the tasks."""
    rows = [row for row in task_rows() if arguments.origin in (None, row["origin"])]
    cells = [[f"{row[key]}" for key in _COLUMNS] for row in rows]
    numbers = [at for at, key in enumerate(_COLUMNS) if key not in _TEXT]
    custom = sum(row["origin"] == "custom" for row in rows)
    text = table(list(_COLUMNS.values()), cells, numbers)
    emit(arguments, {"tasks": rows}, f"{text}\n{len(rows)} tasks, {custom} custom")
    return 0
