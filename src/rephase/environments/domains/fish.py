"""The fish: swim to a target."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rephase.environments.domains.base import ZZ, Domain, Streams
from rephase.environments.models import stock_model
from rephase.environments.shaping import distance, nearness
from rephase.environments.stepping import Physics
from rephase.environments.tasks import Task

__all__ = ["Fish"]

_ROOT = 7
"""Numbers of the free joint in the positions; the seven hinges follow."""


class Fish(Domain):
    """A free body with a tail and two fins, five motors."""

    target: NDArray[np.float64]

    def __init__(self, task: Task, physics: Physics) -> None:
        super().__init__(task, physics)
        model = physics.model
        self._torso = model.body("torso").id
        self._mouth, goal = model.geom("mouth").id, model.geom("target").id
        self._reach = float(model.geom_size[[self._mouth, goal], 0].sum())
        self._xmat = physics.view("xmat")
        self._geom_xpos, self._geom_xmat = physics.view("geom_xpos"), physics.view("geom_xmat")
        self.target = np.tile(model.geom_pos[goal], (physics.count, 1))

    @staticmethod
    def model(task: Task) -> Any:
        """Return the stock model."""
        return stock_model("fish")

    def start(self, streams: Streams) -> None:
        """Draw the orientation, the seven hinges in model order, and the target."""
        for episode, stream in enumerate(streams):
            quaternion = stream.randn(4)
            self.qpos[episode, 3:_ROOT] = quaternion / np.linalg.norm(quaternion)
            for hinge in range(_ROOT, self.qpos.shape[1]):
                self.qpos[episode, hinge] = stream.uniform(-0.2, 0.2)
            for axis, (low, high) in enumerate([(-0.4, 0.4), (-0.4, 0.4), (0.1, 0.3)]):
                self.target[episode, axis] = stream.uniform(low, high)

    def observation(self) -> NDArray[np.float64]:
        """Return joint angles (7), uprightness (1), the way from mouth to target (3) and velocities (13)."""
        upright = self._xmat[:, self._torso, ZZ, None]
        return np.concatenate([self.qpos[:, _ROOT:], upright, self._to_target(), self.qvel], axis=1)

    def reward(self) -> NDArray[np.float64]:
        """Return how near the mouth is to the target, and a little for being upright."""
        near = nearness(distance(self._to_target()), 0, self._reach, margin=2 * self._reach)
        upright = 0.5 * (self._xmat[:, self._torso, ZZ] + 1)
        return np.asarray((7 * near + upright) / 8)

    def dress(self, model: Any, episode: int) -> None:
        """Put the target where it is in that episode."""
        model.geom("target").pos[:] = self.target[episode]

    def _to_target(self) -> NDArray[np.float64]:
        """Return the way from mouth to target in the frame of the mouth, (N, 3)."""
        way = self.target - self._geom_xpos[:, self._mouth]
        frame = self._geom_xmat[:, self._mouth].reshape(-1, 3, 3)
        return np.asarray(np.matmul(way[:, None, :], frame)[:, 0])
