"""A task of a made-up plugin, small enough to be played in a moment."""

from __future__ import annotations

__all__ = ["POINT", "TASKS"]

TASKS = """
from rephase.plugins import TaskOffer, hookimpl

@hookimpl
def rephase_tasks():
    return [TaskOffer(name="{name}", summary="a fake", observation_size=2, action_size=1, returns=(0.0, 20.0),
                      loader="{module}:build", episode_steps=20, index={index})]
"""

POINT = (
    TASKS
    + """

class Box:
    low, high, shape = -2.0, 2.0, (1,)

class Point:
    action_space = Box()

    def __init__(self):
        import numpy
        self.numpy = numpy

    def reset(self, *, seed=None):
        if seed is not None:
            self.random = self.numpy.random.default_rng(seed)
        self.place = self.random.uniform(-1, 1)
        return self.seen(), {{}}

    def step(self, action):
        self.place += 0.1 * float(action[0])
        return self.seen(), float(self.numpy.exp(-self.place**2)), False, False, {{}}

    def seen(self):
        return self.numpy.array([self.place, 1.0], dtype=self.numpy.float32)

    def close(self):
        pass

def build(task, count, threads, spaces):
    from rephase.environments import Lockstep
    return Lockstep(task, [Point() for _ in range(count)], spaces)
"""
)
"""The module of a plugin with one task; ``{name}``, ``{module}`` and ``{index}`` are to be filled in."""
