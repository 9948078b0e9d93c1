"""The planar cheetah: run forwards, backwards, on one foot, and jump."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from rephase.environments.domains.base import Domain, Streams
from rephase.environments.models import stock_model
from rephase.environments.shaping import nearness
from rephase.environments.stepping import Physics
from rephase.environments.tasks import Task

__all__ = ["Cheetah"]

_RUN_SPEED = 10.0
"""Speed of cheetah-run, m/s; the other runs ask for a part of it."""

_BACKWARDS_SPEED = 0.8 * _RUN_SPEED
_ONE_FOOT_SPEED = 0.6 * _RUN_SPEED

_LIFTED = 1.2
"""Height from which on a foot or the torso counts as up, metres."""

_SETTLING = 200
"""Physics steps without control before an episode begins."""


class Cheetah(Domain):
    """Seven bodies in a plane, six motors."""

    def __init__(self, task: Task, physics: Physics) -> None:
        super().__init__(task, physics)
        body = physics.model.body
        self._torso, self._rear, self._front = body("torso").id, body("bfoot").id, body("ffoot").id
        self._xpos = physics.view("xpos")
        self._sensors = physics.view("sensordata")
        self._reward: Callable[[], NDArray[np.float64]] = {
            "cheetah-run": self._run,
            "cheetah-run-backwards": self._run_backwards,
            "cheetah-run-front": lambda: self._run_lifting(self._rear),
            "cheetah-run-back": lambda: self._run_lifting(self._front),
            "cheetah-jump": lambda: (self._jump(self._rear) + self._jump(self._front)) / 2,
        }[task.name]

    @staticmethod
    def model(task: Task) -> Any:
        """Return the stock model."""
        return stock_model("cheetah")

    def start(self, streams: Streams) -> None:
        """Draw the limited joints, all at once, and let the cheetah settle for 200 physics steps.

        The original starts the first of those steps with the second half of a step, so its accelerations are still
        those of the default pose. That one step is taken here on plain ``MjData``, the others together.
        """
        model = self.physics.model
        limited = model.jnt_limited == 1
        low, high = model.jnt_range[limited].T
        warm_start, time = self.physics.view("qacc_warmstart"), self.physics.view("time")
        data = mujoco.MjData(model)
        for episode, stream in enumerate(streams):
            mujoco.mj_resetData(model, data)
            mujoco.mj_forward(model, data)
            data.qpos[limited] = stream.uniform(low, high)
            mujoco.mj_step2(model, data)
            self.qpos[episode], self.qvel[episode] = data.qpos, data.qvel
            warm_start[episode] = data.qacc_warmstart
        self.physics.step(_SETTLING - 1)
        time[:] = 0

    def observation(self) -> NDArray[np.float64]:
        """Return the positions without the horizontal one (8) and the velocities (9)."""
        return np.concatenate([self.qpos[:, 1:], self.qvel], axis=1)

    def reward(self) -> NDArray[np.float64]:
        """Return how well the task's speed is kept or its feet are lifted."""
        return self._reward()

    def _run(self) -> NDArray[np.float64]:
        return nearness(self._speed(), _RUN_SPEED, np.inf, margin=_RUN_SPEED, at_margin=0, shape="linear")

    def _run_backwards(self) -> NDArray[np.float64]:
        speed = _BACKWARDS_SPEED
        return nearness(self._speed(), -np.inf, -speed, margin=speed, at_margin=0, shape="linear")

    def _run_lifting(self, foot: int) -> NDArray[np.float64]:
        up = (3 * _lifted(self._height(foot)) + 2 * _lifted(self._height(self._torso))) / 5
        speed = _ONE_FOOT_SPEED
        fast = nearness(self._speed(), speed, np.inf, margin=speed, at_margin=0, shape="linear")
        return np.asarray(up * (5 * fast + 1) / 6)

    def _jump(self, foot: int) -> NDArray[np.float64]:
        up = _lifted((self._height(self._torso) + self._height(foot)) / 2)
        slow = nearness(self._speed(), -0.5, 0.5, margin=0.5, at_margin=0, shape="linear")
        return np.asarray((5 * up + slow) / 6)

    def _speed(self) -> NDArray[np.float64]:
        return np.asarray(self._sensors[:, 0])

    def _height(self, body: int) -> NDArray[np.float64]:
        return np.asarray(self._xpos[:, body, 2])


def _lifted(height: NDArray[np.float64]) -> NDArray[np.float64]:
    return nearness(height, _LIFTED, np.inf, margin=_LIFTED / 2)
