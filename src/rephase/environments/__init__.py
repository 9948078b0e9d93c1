"""The real tasks: the 30 of MT30, many episodes in lockstep.

Importing this room loads neither MuJoCo nor dm_control; ``make`` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rephase.environments.loading import load
from rephase.environments.tasks import SPACES, TASKS, Task, find_task

if TYPE_CHECKING:
    from rephase.protocols import BatchedEnvironment

__all__ = ["SPACES", "TASKS", "Task", "find_task", "load", "make"]


def make(task: str, count: int, threads: int = 0) -> BatchedEnvironment:
    """Return N episodes of a task, to be stepped together.

    Args:
        task: Name of the task, such as ``walker-stand``.
        count: Number N of episodes.
        threads: Threads to step the physics with; 0 for one per CPU. Results do not depend on it.

    Raises:
        UnknownName: When there is no such task.
        CannotRunHere: When mujoco or dm_control is not installed or does not load.
        EnvironmentFault: When ``count`` is below 1 or ``threads`` negative.
    """
    environment: BatchedEnvironment = load("environment").TaskEnvironment(find_task(task), count, threads)
    return environment
