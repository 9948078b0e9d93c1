"""The finger: spin a body on its hinge, or turn it to a target."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rephase.environments.domains.base import Domain, Streams, draw_joints, joint_ranges
from rephase.environments.models import stock_model
from rephase.environments.shaping import distance
from rephase.environments.stepping import Physics
from rephase.environments.tasks import Task
from rephase.errors import EnvironmentFault

__all__ = ["Finger"]

_TARGET_RADIUS = {"finger-turn-easy": 0.07, "finger-turn-hard": 0.03}
"""Radius of the target, metres; finger-spin has no target."""

_SPIN_DAMPING = 0.03
"""Damping of the spinner's hinge in finger-spin; the model has 0.5."""

_SPIN_SPEED = 15.0
"""Angular speed from which on the spinner spins, rad/s, against the hinge's sense."""

_ATTEMPTS = 1000
"""Draws after which no start without contacts can be expected any more."""


class Finger(Domain):
    """A finger of two links with a motor each, and a spinner on a hinge."""

    def __init__(self, task: Task, physics: Physics) -> None:
        super().__init__(task, physics)
        self._joints = joint_ranges(physics.model)
        model = physics.model
        self._contacts = physics.view("ncon")
        self._sensors = physics.view("sensordata")
        self._at = {
            name: int(model.sensor(name).adr[0])
            for name in (
                "proximal",
                "distal",
                "proximal_velocity",
                "distal_velocity",
                "hinge_velocity",
                "tip",
                "spinner",
                "touchtop",
                "touchbottom",
            )
        }
        self._hinge = physics.view("xanchor")[:, model.joint("hinge").id]
        self._orbit = model.geom_size[model.geom("cap1").id].sum()
        self._radius = float(model.site("target").size[0])
        if task.name in _TARGET_RADIUS:
            self.target = np.tile(model.site("target").pos, (physics.count, 1))

    @staticmethod
    def model(task: Task) -> Any:
        """Return the stock model with the spinner's damping or the target's size of the task."""
        model = stock_model("finger")
        if task.name in _TARGET_RADIUS:
            model.site("target").size[0] = _TARGET_RADIUS[task.name]
        else:
            model.dof_damping[model.joint("hinge").dofadr[0]] = _SPIN_DAMPING
            model.site_rgba[[model.site("target").id, model.site("tip").id], 3] = 0
        return model

    def start(self, streams: Streams) -> None:
        """Draw the target's angle where there is one, then all joints, again and again until nothing touches."""
        if self.target is not None:
            for episode, stream in enumerate(streams):
                angle = stream.uniform(-np.pi, np.pi)
                hinge_x, _, hinge_z = self._hinge[episode]
                self.target[episode, 0] = hinge_x + self._orbit * np.sin(angle)
                self.target[episode, 2] = hinge_z + self._orbit * np.cos(angle)
        pending = np.arange(len(streams))
        for _ in range(_ATTEMPTS):
            for episode in pending.tolist():
                draw_joints(self._joints, streams[episode], self.qpos[episode])
            self.physics.forward(pending)
            pending = pending[self._contacts[pending] > 0]
            if not len(pending):
                return
        raise EnvironmentFault(f"no start without contacts in {_ATTEMPTS} draws", where=self.task.name)

    def observation(self) -> NDArray[np.float64]:
        """Return angles (2), tip (2), velocities (3) and touch (2); with a target also its place and distance (3)."""
        parts = [
            self._read("proximal", "distal"),
            self._tip(),
            self._read("proximal_velocity", "distal_velocity", "hinge_velocity"),
            np.log1p(self._read("touchtop", "touchbottom")),
        ]
        if self.target is not None:
            parts += [self._goal(self.target), self._beyond(self.target)[:, None]]
        return np.concatenate(parts, axis=1)

    def reward(self) -> NDArray[np.float64]:
        """Return 1 while the spinner spins; or while its tip is in the target."""
        if self.target is not None:
            return (self._beyond(self.target) <= 0).astype(np.float64)
        return np.asarray((self._sensors[:, self._at["hinge_velocity"]] <= -_SPIN_SPEED).astype(np.float64))

    def dress(self, model: Any, episode: int) -> None:
        """Put the target where it is in that episode."""
        if self.target is not None:
            model.site("target").pos[:] = self.target[episode]

    def _read(self, *names: str) -> NDArray[np.float64]:
        return np.asarray(self._sensors[:, [self._at[name] for name in names]])

    def _place(self, name: str) -> NDArray[np.float64]:
        """Return where a sensor's site is in the plane (x, z), (N, 2)."""
        return np.asarray(self._sensors[:, self._at[name] : self._at[name] + 3 : 2])

    def _tip(self) -> NDArray[np.float64]:
        return np.asarray(self._place("tip") - self._place("spinner"))

    def _goal(self, target: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(target[:, ::2] - self._place("spinner"))

    def _beyond(self, target: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far the tip is from the surface of the target, negative inside."""
        return np.asarray(distance(self._goal(target) - self._tip()) - self._radius)
