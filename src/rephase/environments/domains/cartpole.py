"""The cart with a pole: balance it or swing it up, for a smooth or a sparse reward."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rephase.environments.domains.base import XZ, ZZ, Domain, Streams
from rephase.environments.models import stock_model
from rephase.environments.shaping import nearness
from rephase.environments.stepping import Physics
from rephase.environments.tasks import Task

__all__ = ["Cartpole"]

_CENTRE = 0.25
"""How far from the middle the cart still earns the sparse reward, metres."""

_UPRIGHT = 0.995
"""Cosine of the pole's angle from which on it earns the sparse reward."""


class Cartpole(Domain):
    """One cart, one pole, one motor on the cart."""

    def __init__(self, task: Task, physics: Physics) -> None:
        super().__init__(task, physics)
        self._swings_up = "swingup" in task.name
        self._pole = physics.model.body("pole_1").id
        self._xmat = physics.view("xmat")
        self._control = physics.view("ctrl")

    @staticmethod
    def model(task: Task) -> Any:
        """Return the stock model."""
        return stock_model("cartpole")

    def start(self, streams: Streams) -> None:
        """Draw the cart's place, the pole's angle and both velocities, near the balance or hanging down."""
        for episode, stream in enumerate(streams):
            if self._swings_up:
                self.qpos[episode, 0] = 0.01 * stream.randn()
                self.qpos[episode, 1] = np.pi + 0.01 * stream.randn()
            else:
                self.qpos[episode, 0] = stream.uniform(-0.1, 0.1)
                self.qpos[episode, 1] = stream.uniform(-0.034, 0.034)
            self.qvel[episode] = 0.01 * stream.randn(2)

    def observation(self) -> NDArray[np.float64]:
        """Return the cart's place (1), the vertical and horizontal part of the pole (2) and the velocities (2)."""
        return np.concatenate([self.qpos[:, :1], self._xmat[:, self._pole, [ZZ, XZ]], self.qvel], axis=1)

    def reward(self) -> NDArray[np.float64]:
        """Return how upright the pole is, times how calm and how central; or 1 where pole and cart are in place."""
        place, upright = self.qpos[:, 0], self._xmat[:, self._pole, ZZ]
        if self.task.sparse:
            return nearness(place, -_CENTRE, _CENTRE) * nearness(upright, _UPRIGHT, 1)
        centred = (1 + nearness(place, 0, 0, margin=2)) / 2
        gentle = (4 + nearness(self._control[:, 0], 0, 0, margin=1, at_margin=0, shape="quadratic")) / 5
        calm = (1 + nearness(self.qvel[:, 1], 0, 0, margin=5)) / 2
        return np.asarray((upright + 1) / 2 * gentle * calm * centred)
