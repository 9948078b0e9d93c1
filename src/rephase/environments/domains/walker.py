"""The planar walker: stand, walk and run, forwards and backwards."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rephase.environments.domains.base import XX, XZ, ZZ, Domain, Streams, draw_joints, joint_ranges
from rephase.environments.models import stock_model
from rephase.environments.shaping import nearness
from rephase.environments.stepping import Physics
from rephase.environments.tasks import Task

__all__ = ["Walker"]

_STAND_HEIGHT = 1.2
"""Height of the torso from which on the walker stands, metres."""

_SPEEDS = {
    "walker-stand": 0.0,
    "walker-walk": 1.0,
    "walker-run": 8.0,
    "walker-walk-backwards": -1.0,
    "walker-run-backwards": -8.0,
}
"""Horizontal speed each task asks for, m/s; negative is backwards, 0 asks for none."""


class Walker(Domain):
    """Seven bodies in a plane, six motors."""

    def __init__(self, task: Task, physics: Physics) -> None:
        super().__init__(task, physics)
        self._joints = joint_ranges(physics.model)
        self._speed = _SPEEDS[task.name]
        self._torso = physics.model.body("torso").id
        self._xmat = physics.view("xmat")
        self._xpos = physics.view("xpos")
        self._sensors = physics.view("sensordata")

    @staticmethod
    def model(task: Task) -> Any:
        """Return the stock model."""
        return stock_model("walker")

    def start(self, streams: Streams) -> None:
        """Draw every joint, in model order."""
        for episode, stream in enumerate(streams):
            draw_joints(self._joints, stream, self.qpos[episode])

    def observation(self) -> NDArray[np.float64]:
        """Return the orientations of the bodies (14), the height of the torso (1) and the velocities (9)."""
        orientations = self._xmat[:, 1:, [XX, XZ]].reshape(len(self.qvel), -1)
        return np.concatenate([orientations, self._height()[:, None], self.qvel], axis=1)

    def reward(self) -> NDArray[np.float64]:
        """Return how well the walker stands, times how well it keeps the speed where one is asked for."""
        standing = nearness(self._height(), _STAND_HEIGHT, np.inf, margin=_STAND_HEIGHT / 2)
        upright = (1 + self._xmat[:, self._torso, ZZ]) / 2
        stand = (3 * standing + upright) / 4
        if self._speed == 0:
            return np.asarray(stand)
        return np.asarray(stand * (5 * self._moving() + 1) / 6)

    def _height(self) -> NDArray[np.float64]:
        return np.asarray(self._xpos[:, self._torso, 2])

    def _moving(self) -> NDArray[np.float64]:
        low, high = (self._speed, np.inf) if self._speed > 0 else (-np.inf, self._speed)
        return nearness(self._sensors[:, 0], low, high, margin=abs(self._speed) / 2, at_margin=0.5, shape="linear")
