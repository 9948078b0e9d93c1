"""``rephase tasks``: the tasks there are, the log's 30 and those of plugins, with their sizes. Loads no simulator."""

from __future__ import annotations

import argparse

from rephase.cli.rendering import emit, table
from rephase.environments import discover_tasks
from rephase.environments.known import BUILT_IN
from rephase.environments.tasks import task_rows
from rephase.plugins.offering import Named
from rephase.plugins.offers import TaskOffer

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
"""What is shown of a row; the JSON has its domain as well, and of a plugin's task the steps and range of an episode."""

_TEXT = ("name", "reward", "origin")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--origin",
        choices=["stock", "custom", "plugin"],
        help="only tasks dm_control has, only the log's others, or only those of plugins",
    )


def run(arguments: argparse.Namespace) -> int:
    """List the tasks.

    Returns:
        0, or 2 when plugins collide over one.
    """
    found = discover_tasks()
    foreign = [one for one in found.offered if one.source != BUILT_IN]
    rows = [row for row in task_rows() if arguments.origin in (None, row["origin"])]
    rows += [_row(one) for one in foreign if arguments.origin in (None, "plugin")]
    cells = [[f"{row.get(key, '-')}" for key in _COLUMNS] for row in rows]
    numbers = [at for at, key in enumerate(_COLUMNS) if key not in _TEXT]
    custom = sum(row["origin"] == "custom" for row in rows)
    lines = [table(list(_COLUMNS.values()), cells, numbers)]
    count = f"{len(rows)} {'task' if len(rows) == 1 else 'tasks'}, {custom} custom"
    lines.append(count + (f", {len(foreign)} of plugins" if foreign else ""))
    lines += [f"failed: {fault.error()}" for fault in found.faults]
    emit(arguments, {"tasks": rows}, "\n".join(lines))
    return 2 if found.faults else 0


def _row(one: Named[TaskOffer]) -> dict[str, str | int | float]:
    task = one.offer
    return {
        "index": task.index,
        "name": task.name,
        "observation_size": task.observation_size,
        "action_size": task.action_size,
        "episode_steps": task.episode_steps,
        "lowest_return": task.returns[0],
        "highest_return": task.returns[1],
        "origin": one.source.distribution,
    }
