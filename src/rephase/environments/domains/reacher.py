"""The planar reacher, with two links or three: bring the fingertip to a target that stays where it is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rephase.environments.domains.base import Domain, Streams, draw_joints, joint_ranges
from rephase.environments.models import custom_model, stock_model
from rephase.environments.shaping import distance, nearness
from rephase.environments.stepping import Physics
from rephase.environments.tasks import Task

__all__ = ["Reacher"]

_TARGET_RADIUS = {"easy": 0.05, "hard": 0.015}
"""Radius of the target by difficulty, metres."""


class Reacher(Domain):
    """An arm on a table, a motor at each joint."""

    target: NDArray[np.float64]

    def __init__(self, task: Task, physics: Physics) -> None:
        super().__init__(task, physics)
        self._joints = joint_ranges(physics.model)
        model = physics.model
        self._finger = model.geom("finger").id
        self._reach = model.geom_size[[model.geom("target").id, self._finger], 0].sum()
        self._geom_xpos = physics.view("geom_xpos")
        self.target = np.tile(model.geom("target").pos, (physics.count, 1))

    @staticmethod
    def model(task: Task) -> Any:
        """Return the stock model or that of three links, with a target of the task's size."""
        model = custom_model("reacher_three") if task.custom else stock_model("reacher")
        model.geom("target").size[0] = _TARGET_RADIUS[task.name.rpartition("-")[2]]
        return model

    def start(self, streams: Streams) -> None:
        """Draw every joint in model order, then the angle and the distance at which the target is."""
        for episode, stream in enumerate(streams):
            draw_joints(self._joints, stream, self.qpos[episode])
            angle = stream.uniform(0, 2 * np.pi)
            radius = stream.uniform(0.05, 0.20)
            self.target[episode, :2] = radius * np.sin(angle), radius * np.cos(angle)

    def observation(self) -> NDArray[np.float64]:
        """Return the joint angles, the way from finger to target (2), and the joint velocities."""
        return np.concatenate([self.qpos, self._to_target(), self.qvel], axis=1)

    def reward(self) -> NDArray[np.float64]:
        """Return 1 where the finger touches the target."""
        return nearness(distance(self._to_target()), 0, self._reach)

    def dress(self, model: Any, episode: int) -> None:
        """Put the target where it is in that episode."""
        model.geom("target").pos[:] = self.target[episode]

    def _to_target(self) -> NDArray[np.float64]:
        return np.asarray(self.target[:, :2] - self._geom_xpos[:, self._finger, :2])
