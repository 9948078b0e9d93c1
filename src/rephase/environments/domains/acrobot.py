"""The acrobot: swing two links up with a motor at the elbow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rephase.environments.domains.base import XZ, ZZ, Domain, Streams
from rephase.environments.models import stock_model
from rephase.environments.shaping import distance, nearness
from rephase.environments.stepping import Physics
from rephase.environments.tasks import Task

__all__ = ["Acrobot"]


class Acrobot(Domain):
    """Two links, one motor."""

    def __init__(self, task: Task, physics: Physics) -> None:
        super().__init__(task, physics)
        model = physics.model
        self._arms = [model.body("upper_arm").id, model.body("lower_arm").id]
        self._goal, self._tip = model.site("target").id, model.site("tip").id
        self._goal_radius = float(model.site_size[self._goal, 0])
        self._xmat = physics.view("xmat")
        self._site_xpos = physics.view("site_xpos")

    @staticmethod
    def model(task: Task) -> Any:
        """Return the stock model."""
        return stock_model("acrobot")

    def start(self, streams: Streams) -> None:
        """Draw both angles, shoulder first."""
        for episode, stream in enumerate(streams):
            self.qpos[episode] = stream.uniform(-np.pi, np.pi, 2)

    def observation(self) -> NDArray[np.float64]:
        """Return the horizontal parts of both links' directions (2), the vertical ones (2) and the velocities (2)."""
        arms = self._xmat[:, self._arms]
        return np.concatenate([arms[:, :, XZ], arms[:, :, ZZ], self.qvel], axis=1)

    def reward(self) -> NDArray[np.float64]:
        """Return how near the tip is to the place above the shoulder."""
        away = distance(self._site_xpos[:, self._goal] - self._site_xpos[:, self._tip])
        return nearness(away, 0, self._goal_radius, margin=1)
