"""The pendulum: swing it up, or spin it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rephase.environments.domains.base import XZ, ZZ, Domain, Streams
from rephase.environments.models import stock_model
from rephase.environments.shaping import nearness
from rephase.environments.stepping import Physics
from rephase.environments.tasks import Task

__all__ = ["Pendulum"]

_UPRIGHT = float(np.cos(np.deg2rad(8)))
"""Cosine of the angle from the vertical at which the pole begins to count as up."""

_SPIN_SPEED = 9.0
"""Angular speed of pendulum-spin, rad/s, in either direction."""


class Pendulum(Domain):
    """One pole on a hinge with a weak motor."""

    def __init__(self, task: Task, physics: Physics) -> None:
        super().__init__(task, physics)
        self._pole = physics.model.body("pole").id
        self._xmat = physics.view("xmat")
        self._spins = task.name == "pendulum-spin"

    @staticmethod
    def model(task: Task) -> Any:
        """Return the stock model."""
        return stock_model("pendulum")

    def start(self, streams: Streams) -> None:
        """Draw the angle of the pole."""
        for episode, stream in enumerate(streams):
            self.qpos[episode, 0] = stream.uniform(-np.pi, np.pi)

    def observation(self) -> NDArray[np.float64]:
        """Return the vertical and the horizontal part of the pole's direction (2) and its velocity (1)."""
        return np.concatenate([self._xmat[:, self._pole, [ZZ, XZ]], self.qvel], axis=1)

    def reward(self) -> NDArray[np.float64]:
        """Return 1 while the pole is up; or, spinning, how well it keeps the speed."""
        if self._spins:
            turning = np.abs(self.qvel[:, 0])
            return nearness(turning, _SPIN_SPEED, np.inf, margin=_SPIN_SPEED / 2, at_margin=0.5, shape="linear")
        return nearness(self._xmat[:, self._pole, ZZ], _UPRIGHT, 1)
