"""The log's 30 tasks as an offer like any plugin's. Loads no simulator; `build` does."""

from __future__ import annotations

from rephase.environments.loading import load
from rephase.environments.tasks import EPISODE_STEPS, TASKS, Task, suite_task
from rephase.errors import UnknownName
from rephase.plugins import TaskOffer, hookimpl
from rephase.protocols import BatchedEnvironment, Spaces

__all__ = ["RETURNS", "build", "rephase_tasks", "required_task"]

RETURNS = (0.0, 1000.0)
"""Lowest and highest return of an episode: 500 agent steps of at most 2."""


@hookimpl
def rephase_tasks() -> list[TaskOffer]:
    """Offer the 30 tasks."""
    return [
        TaskOffer(
            name=task.name,
            summary=f"{task.domain} of {'the log' if task.custom else 'dm_control'}, {_reward(task)} reward",
            observation_size=task.observation_size,
            action_size=task.action_size,
            returns=RETURNS,
            loader="rephase.environments.suite:build",
            episode_steps=EPISODE_STEPS,
            index=task.index,
        )
        for task in TASKS
    ]


def build(task: TaskOffer, count: int, threads: int, spaces: Spaces) -> BatchedEnvironment:
    """Build N episodes of a task of the suite.

    Raises:
        CannotRunHere: When mujoco or dm_control is not installed or does not load.
        EnvironmentFault: When ``count`` is below 1 or ``threads`` negative.
    """
    environment: BatchedEnvironment = load("environment").TaskEnvironment(
        required_task(task.name), count, threads, spaces=spaces
    )
    return environment


def required_task(name: str) -> Task:
    """Return the task of the suite that has this name.

    Raises:
        UnknownName: The suite has none.
    """
    task = suite_task(name)
    if task is None:
        raise UnknownName("task", name, tuple(one.name for one in TASKS), listing="rephase tasks")
    return task


def _reward(task: Task) -> str:
    return "sparse" if task.sparse else "smooth"
