"""The ball in a cup: catch it, or swing it around outside."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rephase.environments.domains.base import Domain, Streams
from rephase.environments.models import stock_model
from rephase.environments.shaping import distance, nearness
from rephase.environments.stepping import Physics
from rephase.environments.tasks import Task

__all__ = ["Cup"]

_ANYWHERE = 0.1
"""Share of the cup-spin episodes that may start with the ball outside the cup."""

_SPIN_DISTANCE = 0.5
"""How far from the middle of the cup the spinning ball should be, metres."""

_SPIN_SPEED = 6.0
"""How fast the spinning ball should be, m/s."""


class Cup(Domain):
    """A cup that two motors move in a plane, and a ball on a string."""

    def __init__(self, task: Task, physics: Physics) -> None:
        super().__init__(task, physics)
        model = physics.model
        self._spins = task.name == "cup-spin"
        self._middle, self._ball = model.site("target").id, model.body("ball").id
        self._room = model.site_size[self._middle, [0, 2]] - model.geom("ball").size[0]
        self._ball_joints = [model.joint("ball_x").id, model.joint("ball_z").id]
        self._site_xpos, self._xpos = physics.view("site_xpos"), physics.view("xpos")
        self._contacts = physics.view("ncon")

    @staticmethod
    def model(task: Task) -> Any:
        """Return the stock model."""
        return stock_model("ball_in_cup")

    def start(self, streams: Streams) -> None:
        """Draw the ball's place, sideways then height, again and again until it touches nothing.

        For cup-spin each episode first draws whether any place will do; if not, the ball must also be in the cup.
        """
        anywhere = np.ones(len(streams), dtype=bool)
        if self._spins:
            anywhere = np.array([stream.uniform() < _ANYWHERE for stream in streams])
        pending = np.arange(len(streams))
        while len(pending):
            for episode in pending.tolist():
                stream = streams[episode]
                self.qpos[episode, self._ball_joints] = stream.uniform(-0.2, 0.2), stream.uniform(0.2, 0.5)
            self.physics.forward(pending)
            settled = (self._contacts == 0) & (anywhere | (self._in_cup() == 1))
            pending = pending[~settled[pending]]

    def observation(self) -> NDArray[np.float64]:
        """Return positions (4) and velocities (4) of cup and ball."""
        return np.concatenate([self.qpos, self.qvel], axis=1)

    def reward(self) -> NDArray[np.float64]:
        """Return 1 while the ball is in the cup; or, spinning, how far and fast it is outside."""
        if not self._spins:
            return self._in_cup()
        far = nearness(
            distance(self._to_middle()),
            _SPIN_DISTANCE,
            np.inf,
            margin=_SPIN_DISTANCE / 2,
            at_margin=0.5,
            shape="linear",
        )
        speed = distance(self.qvel[:, self._ball_joints])
        fast = nearness(speed, _SPIN_SPEED, np.inf, margin=_SPIN_SPEED / 2, at_margin=0.5, shape="linear")
        return np.asarray((1 - self._in_cup()) * (far + 2 * fast) / 3)

    def _to_middle(self) -> NDArray[np.float64]:
        return np.asarray(self._site_xpos[:, self._middle, ::2] - self._xpos[:, self._ball, ::2])

    def _in_cup(self) -> NDArray[np.float64]:
        return np.asarray((np.abs(self._to_middle()) < self._room).all(axis=1).astype(np.float64))
