"""N episodes of one task in lockstep: actions in, padded observations and rewards out.

This is where the agent's view begins: the action repeat, the padding, the length of an episode and the check of what
is passed in. The physics is in ``stepping``, what a task means in ``domains``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import mujoco
import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from rephase.environments.domains import Domain, open_domain
from rephase.environments.stepping import Physics, open_physics
from rephase.environments.tasks import ACTION_REPEAT, EPISODE_STEPS, SPACES, Task
from rephase.errors import EnvironmentFault
from rephase.protocols import Spaces

__all__ = ["TaskEnvironment"]


class TaskEnvironment:
    """N episodes of one task, each with its own random stream.

    Before the first ``reset`` with seeds, episode i has the stream of seed i. Two episodes of one seed are allowed and
    start alike: they are the same episode as long as their actions are the same.

    Args:
        task: Which task.
        count: Number N of episodes, at least 1.
        threads: Threads to step the physics with; 0 for one per CPU.
        physics: The simulations to drive; None opens the fastest this mujoco has. Must be of the task's own model.
        spaces: Sizes S and A to pad to, at least the suite's 24 and 6.

    Attributes:
        domain: What the task is: its observation and reward of the present state, its targets.
        control_rewards: Rewards of the last agent step's two control steps, (N, 2).

    Raises:
        EnvironmentFault: When ``count`` is below 1 or ``threads`` negative.
    """

    def __init__(
        self, task: Task, count: int, threads: int = 0, *, physics: Physics | None = None, spaces: Spaces = SPACES
    ) -> None:
        if count < 1 or threads < 0:
            raise EnvironmentFault(
                f"{count} episodes on {threads} threads; expected at least 1 episode and no fewer than 0 threads",
                where=task.name,
            )
        domain = open_domain(task)
        self.task = task
        self.count = count
        self.spaces = spaces
        self.physics = physics or open_physics(domain.model(task), count, threads)
        self.domain: Domain = domain(task, self.physics)
        self._streams = [RandomState(seed) for seed in range(count)]
        self.control_rewards: NDArray[np.float64] = np.zeros((count, ACTION_REPEAT))
        self._steps_left = 0
        low, high = self.physics.model.actuator_ctrlrange.T
        self._low, self._scale = low, (high - low) / 2
        self._control = self.physics.view("ctrl")

    def task_index(self) -> int:
        """Return the index of the task in the suite, 0 to 29."""
        return self.task.index

    def reset(self, seeds: Sequence[int] | None = None) -> NDArray[np.float32]:
        """Start N new episodes.

        Args:
            seeds: One seed (0 to 2**32 - 1) for each episode's own random stream; None continues the streams.

        Returns:
            First observations, (N, S), zero beyond the task's own size.

        Raises:
            EnvironmentFault: When there are not N seeds, or one is out of range.
        """
        if seeds is not None:
            self._streams = self._seeded(seeds)
        self.physics.reset()
        self.domain.start(self._streams)
        self.physics.forward()
        self._steps_left = EPISODE_STEPS
        return self._observed()

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64], bool]:
        """Advance all episodes by one agent step: two control steps with the same action, rewards added.

        Actions outside [-1, 1] are passed on as they are, as in the original: MuJoCo clamps what reaches the motors,
        while rewards that look at the control see the unclamped value. Entries beyond the task's own may hold anything.

        Args:
            action: (N, A), cast to float32 first whatever it was.

        Returns:
            Observations (N, S), rewards (N,) in [0, 2], and whether the episodes are over (all at once).

        Raises:
            EnvironmentFault: When an action is not finite or the shape is not (N, A), when the episodes are over or
                were never started, or when the physics diverges. The first three leave the episodes as they were.
        """
        self._control[:] = self._checked(action)
        for control_step in range(ACTION_REPEAT):
            self.physics.step(self.task.substeps)
            self.control_rewards[:, control_step] = self.domain.reward()
        self._refuse_divergence()
        self._steps_left -= 1
        return self._observed(), self.control_rewards.sum(axis=1), self._steps_left == 0

    def place(self, state: Mapping[str, NDArray[np.float64]], target: NDArray[np.float64] | None = None) -> None:
        """Begin N episodes at given states instead of drawn ones; the random streams are left alone.

        Args:
            state: State fields to write over the model's defaults, such as ``qpos`` (N, nq) and ``qvel`` (N, nv).
            target: World positions of the targets, (N, 3), for a task that has any; None keeps those there are.
        """
        self.physics.reset()
        for field, rows in state.items():
            self.physics.view(field)[:] = rows
        if target is not None and self.domain.target is not None:
            self.domain.target[:] = target
        self.physics.forward()
        self._steps_left = EPISODE_STEPS

    def close(self) -> None:
        """Give back threads and memory."""
        self.physics.close()
        self._steps_left = 0

    def _observed(self) -> NDArray[np.float32]:
        padded = np.zeros((self.count, self.spaces.observation), dtype=np.float32)
        padded[:, : self.task.observation_size] = self.domain.observation()
        return padded

    def _checked(self, action: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the controls of an action, (N, own size)."""
        if self._steps_left <= 0:
            raise EnvironmentFault("there is no episode to step", where=self.task.name, remedy="call reset first")
        given = np.asarray(action, dtype=np.float32)
        if given.shape != (self.count, self.spaces.action):
            raise EnvironmentFault(
                f"actions of shape {given.shape}; expected ({self.count}, {self.spaces.action})", where=self.task.name
            )
        own = given[:, : self.task.action_size].astype(np.float64)
        finite = np.isfinite(own)
        if not finite.all():
            raise EnvironmentFault(
                f"actions of episodes {_few(np.flatnonzero(~finite.all(axis=1)))} are not finite; expected numbers",
                where=self.task.name,
                remedy="look for what made them so: the policy's weights or its inputs",
            )
        return np.asarray(self._low + self._scale * (own + 1))

    def _seeded(self, seeds: Sequence[int]) -> list[RandomState]:
        if len(seeds) != self.count:
            raise EnvironmentFault(f"{len(seeds)} seeds; expected {self.count}, one an episode", where=self.task.name)
        for seed in seeds:
            if not 0 <= seed < 2**32:
                raise EnvironmentFault(f"seed {seed}; expected 0 to 2**32 - 1", where=self.task.name)
        return [RandomState(int(seed)) for seed in seeds]

    def _refuse_divergence(self) -> None:
        raised = self.physics.warnings()
        if not raised.any():
            return
        self._steps_left = 0
        episodes, kinds = np.nonzero(raised)
        names = ", ".join(sorted({mujoco.mjtWarning(int(kind)).name for kind in kinds}))
        raise EnvironmentFault(
            f"the physics of episodes {_few(np.unique(episodes))} diverged (MuJoCo warned {names})",
            where=self.task.name,
            remedy="reset and look at the actions that led there",
        )


def _few(numbers: NDArray[np.intp]) -> str:
    """Name the first five of a list of numbers."""
    return ", ".join(str(number) for number in numbers[:5]) + (", ..." if len(numbers) > 5 else "")
