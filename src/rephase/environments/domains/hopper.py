"""The planar hopper: stand, or hop forwards or backwards."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rephase.environments.domains.base import Domain, Streams, draw_joints, joint_ranges
from rephase.environments.models import stock_model
from rephase.environments.shaping import nearness
from rephase.environments.stepping import Physics
from rephase.environments.tasks import Task

__all__ = ["Hopper"]

_STAND_HEIGHT = (0.6, 2.0)
"""How far the torso is above the foot while the hopper stands, metres."""


class Hopper(Domain):
    """Five bodies in a plane, four motors, two touch sensors under the foot."""

    def __init__(self, task: Task, physics: Physics) -> None:
        super().__init__(task, physics)
        self._joints = joint_ranges(physics.model)
        model = physics.model
        self._torso, self._foot = model.body("torso").id, model.body("foot").id
        self._touch = [int(model.sensor(name).adr[0]) for name in ("touch_toe", "touch_heel")]
        self._speed = int(model.sensor("torso_subtreelinvel").adr[0])
        self._xipos = physics.view("xipos")
        self._sensors = physics.view("sensordata")
        self._control = physics.view("ctrl")

    @staticmethod
    def model(task: Task) -> Any:
        """Return the stock model."""
        return stock_model("hopper")

    def start(self, streams: Streams) -> None:
        """Draw every joint, in model order."""
        for episode, stream in enumerate(streams):
            draw_joints(self._joints, stream, self.qpos[episode])

    def observation(self) -> NDArray[np.float64]:
        """Return the positions without the horizontal one (6), the velocities (7) and the touch of toe and heel (2)."""
        return np.concatenate([self.qpos[:, 1:], self.qvel, np.log1p(self._sensors[:, self._touch])], axis=1)

    def reward(self) -> NDArray[np.float64]:
        """Return whether the hopper stands, times how gentle it is or how well it keeps the speed."""
        height = self._xipos[:, self._torso, 2] - self._xipos[:, self._foot, 2]
        return np.asarray(nearness(height, *_STAND_HEIGHT) * self._share())

    def _share(self) -> NDArray[np.float64]:
        if self.task.name == "hopper-stand":
            gentle = nearness(self._control, 0, 0, margin=1, at_margin=0, shape="quadratic").mean(axis=1)
            return np.asarray((gentle + 4) / 5)
        speed = self._sensors[:, self._speed]
        if self.task.name == "hopper-hop":
            return nearness(speed, 2, np.inf, margin=1, at_margin=0.5, shape="linear")
        return nearness(speed, -np.inf, -1, margin=0.5, at_margin=0.5, shape="linear")
