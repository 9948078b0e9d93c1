"""The real tasks, many episodes in lockstep: the 30 of MT30 and those that plugins offer.

Importing this room loads neither MuJoCo nor dm_control; ``make`` does.
"""

from __future__ import annotations

from rephase.environments.known import SUITE, TaskSet, discover_tasks, find_task, spaces_of
from rephase.environments.loading import load
from rephase.environments.lockstep import Lockstep
from rephase.environments.making import make
from rephase.environments.suite import required_task
from rephase.environments.tasks import SPACES, TASKS, Task

__all__ = [
    "SPACES",
    "SUITE",
    "TASKS",
    "Lockstep",
    "Task",
    "TaskSet",
    "discover_tasks",
    "find_task",
    "load",
    "make",
    "required_task",
    "spaces_of",
]
