"""The 30 tasks of MT30 as plain values: index, name, sizes and step sizes; `rephase.environments.suite` offers them.

What a task *does* (model, reset, observation, reward) is in ``domains``; nothing here imports MuJoCo, so that a login
node can list, check and lay out tasks.
"""

from __future__ import annotations

from attrs import frozen

from rephase.protocols import Spaces

__all__ = ["ACTION_REPEAT", "EPISODE_STEPS", "SPACES", "TASKS", "Task", "suite_task", "task_rows"]

ACTION_REPEAT = 2
"""Control steps in one agent step, all with the same action."""

EPISODE_STEPS = 500
"""Agent steps in an episode of every task; no episode ends earlier."""


@frozen(kw_only=True)
class Task:
    """One task of the suite.

    Args:
        index: Place in the suite, 0 to 29; what a multitask policy is given.
        name: Name such as ``walker-stand``.
        domain: Name of the body and its physics, such as ``walker``.
        observation_size: Width of the task's own observation, before padding.
        action_size: Width of the task's own action, before padding.
        time_step: Length of one physics step, seconds.
        substeps: Physics steps in one control step.
        sparse: Whether the reward of a control step is only ever 0 or 1.
        custom: Whether the task is one of the 11 that dm_control's suite does not have.
    """

    index: int
    name: str
    domain: str
    observation_size: int
    action_size: int
    time_step: float
    substeps: int
    sparse: bool
    custom: bool

    @property
    def control_step(self) -> float:
        """Length of one control step, seconds."""
        return self.time_step * self.substeps

    @property
    def agent_step(self) -> float:
        """Length of one agent step, seconds."""
        return self.control_step * ACTION_REPEAT


@frozen
class _Body:
    """Sizes every task of a domain shares."""

    domain: str
    observation_size: int
    action_size: int
    time_step: float
    substeps: int


_WALKER = _Body("walker", 24, 6, 0.0025, 10)
_CHEETAH = _Body("cheetah", 17, 6, 0.01, 1)
_REACHER = _Body("reacher", 6, 2, 0.02, 1)
_REACHER_THREE = _Body("reacher-three", 8, 3, 0.02, 1)
_ACROBOT = _Body("acrobot", 6, 1, 0.01, 1)
_PENDULUM = _Body("pendulum", 3, 1, 0.02, 1)
_CARTPOLE = _Body("cartpole", 5, 1, 0.01, 1)
_CUP = _Body("cup", 8, 2, 0.002, 10)
_FINGER = _Body("finger", 9, 2, 0.01, 2)
_FINGER_TURN = _Body("finger", 12, 2, 0.01, 2)
_FISH = _Body("fish", 24, 5, 0.004, 10)
_HOPPER = _Body("hopper", 15, 4, 0.005, 4)

_FIRST_CUSTOM = 19
"""Tasks from this index on are not in dm_control's suite."""

_SPARSE = frozenset(
    {
        "reacher-easy",
        "reacher-hard",
        "pendulum-swingup",
        "cartpole-balance-sparse",
        "cartpole-swingup-sparse",
        "cup-catch",
        "finger-spin",
        "finger-turn-easy",
        "finger-turn-hard",
        "reacher-three-easy",
        "reacher-three-hard",
    }
)

_SUITE = (
    ("walker-stand", _WALKER),
    ("walker-walk", _WALKER),
    ("walker-run", _WALKER),
    ("cheetah-run", _CHEETAH),
    ("reacher-easy", _REACHER),
    ("reacher-hard", _REACHER),
    ("acrobot-swingup", _ACROBOT),
    ("pendulum-swingup", _PENDULUM),
    ("cartpole-balance", _CARTPOLE),
    ("cartpole-balance-sparse", _CARTPOLE),
    ("cartpole-swingup", _CARTPOLE),
    ("cartpole-swingup-sparse", _CARTPOLE),
    ("cup-catch", _CUP),
    ("finger-spin", _FINGER),
    ("finger-turn-easy", _FINGER_TURN),
    ("finger-turn-hard", _FINGER_TURN),
    ("fish-swim", _FISH),
    ("hopper-stand", _HOPPER),
    ("hopper-hop", _HOPPER),
    ("walker-walk-backwards", _WALKER),
    ("walker-run-backwards", _WALKER),
    ("cheetah-run-backwards", _CHEETAH),
    ("cheetah-run-front", _CHEETAH),
    ("cheetah-run-back", _CHEETAH),
    ("cheetah-jump", _CHEETAH),
    ("hopper-hop-backwards", _HOPPER),
    ("reacher-three-easy", _REACHER_THREE),
    ("reacher-three-hard", _REACHER_THREE),
    ("cup-spin", _CUP),
    ("pendulum-spin", _PENDULUM),
)

TASKS: tuple[Task, ...] = tuple(
    Task(
        index=index,
        name=name,
        domain=body.domain,
        observation_size=body.observation_size,
        action_size=body.action_size,
        time_step=body.time_step,
        substeps=body.substeps,
        sparse=name in _SPARSE,
        custom=index >= _FIRST_CUSTOM,
    )
    for index, (name, body) in enumerate(_SUITE)
)
"""The suite, in the order of the task indices."""

SPACES = Spaces(observation=24, action=6, action_sizes=tuple(task.action_size for task in TASKS))
"""The padded sizes all tasks share, and each task's own action size."""

_BY_NAME = {task.name: task for task in TASKS}


def suite_task(name: str) -> Task | None:
    """Return the task of the suite that has this name; None where it has none."""
    return _BY_NAME.get(name)


def task_rows() -> list[dict[str, str | int | float]]:
    """Return what ``rephase tasks`` lists: one row a task, in the order of the indices; times in seconds."""
    return [
        {
            "index": task.index,
            "name": task.name,
            "domain": task.domain,
            "observation_size": task.observation_size,
            "action_size": task.action_size,
            "physics_step": task.time_step,
            "substeps": task.substeps,
            "agent_step": round(task.agent_step, 9),
            "reward": "sparse" if task.sparse else "smooth",
            "origin": "custom" if task.custom else "stock",
        }
        for task in TASKS
    ]
