"""The contract of a domain, and the draws that several domains share.

A domain sees N simulations through the views of their physics. It never steps them, except where a start is defined
by stepping, and it keeps nothing between calls but the targets of the running episodes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from rephase.environments.stepping import Physics
from rephase.environments.tasks import Task

__all__ = ["XX", "XZ", "ZZ", "Domain", "JointRanges", "Streams", "draw_joints", "joint_ranges"]

Streams = Sequence[RandomState]
"""The random streams of N episodes, in their order."""

JointRanges = tuple[tuple[int, float, float], ...]
"""Joint, lower and upper end of its draw, radians or metres."""

XX, XZ, ZZ = 0, 2, 8
"""Where the entries (world axis, body axis) of a rotation matrix are in a row of MuJoCo's ``xmat``."""

_HINGE = 3
"""MuJoCo's number for a joint that turns about one axis."""


class Domain(ABC):
    """One task of a body, for N episodes at once.

    Args:
        task: Which task of the body.
        physics: N simulations of the task's model.
    """

    target: NDArray[np.float64] | None = None
    """World positions of the episodes' targets, (N, 3), metres; None for a task without any. May be written."""

    def __init__(self, task: Task, physics: Physics) -> None:
        self.task = task
        self.physics = physics
        self.qpos = physics.view("qpos")
        self.qvel = physics.view("qvel")

    @staticmethod
    @abstractmethod
    def model(task: Task) -> Any:
        """Return the compiled ``mujoco.MjModel`` of a task, with everything that is the same in all its episodes."""

    @abstractmethod
    def start(self, streams: Streams) -> None:
        """Draw the starts of N new episodes and write them into the state.

        Called right after a reset of the physics; a forward pass follows. Each episode draws from its own stream only,
        in the documented order.
        """

    @abstractmethod
    def observation(self) -> NDArray[np.float64]:
        """Return what the agent sees, (N, O)."""

    @abstractmethod
    def reward(self) -> NDArray[np.float64]:
        """Return the rewards of the control step just taken, (N,), between 0 and 1."""

    def dress(self, model: Any, episode: int) -> None:
        """Write into a copy of the model what is different in one episode: the place of its target, if it has any."""
        return None


def joint_ranges(model: Any) -> JointRanges:
    """Return the joints that a start draws, in model order: limited ones in their range, other hinges anywhere.

    Args:
        model: A ``mujoco.MjModel`` of hinges and slides only; slides without limits are not drawn and stay.
    """
    ranges = []
    for joint in range(model.njnt):
        if model.jnt_limited[joint]:
            ranges.append((joint, float(model.jnt_range[joint, 0]), float(model.jnt_range[joint, 1])))
        elif model.jnt_type[joint] == _HINGE:
            ranges.append((joint, -np.pi, np.pi))
    return tuple(ranges)


def draw_joints(ranges: JointRanges, stream: RandomState, qpos: NDArray[np.float64]) -> None:
    """Draw every joint that has a range, one after the other.

    Args:
        ranges: Joints and their ranges, from ``joint_ranges``.
        stream: Where to draw from.
        qpos: Positions of one episode, (nq,), written in place.
    """
    for joint, low, high in ranges:
        qpos[joint] = stream.uniform(low, high)
