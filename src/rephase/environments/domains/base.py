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

__all__ = ["XX", "XZ", "ZZ", "Domain", "Streams", "draw_joints"]

Streams = Sequence[RandomState]
"""The random streams of N episodes, in their order."""

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


def draw_joints(model: Any, stream: RandomState, qpos: NDArray[np.float64]) -> None:
    """Draw every joint in model order: limited ones in their range, other hinges anywhere; other slides stay.

    Args:
        model: A ``mujoco.MjModel`` of hinges and slides only.
        stream: Where to draw from.
        qpos: Positions of one episode, (nq,), written in place.
    """
    for joint in range(model.njnt):
        if model.jnt_limited[joint]:
            qpos[joint] = stream.uniform(*model.jnt_range[joint])
        elif model.jnt_type[joint] == _HINGE:
            qpos[joint] = stream.uniform(-np.pi, np.pi)
