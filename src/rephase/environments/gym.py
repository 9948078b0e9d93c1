"""The tasks as a ``gymnasium.vector.VectorEnv``, so that other people's agents can use them.

All episodes of a vector start and end together, 500 agent steps apart, and none terminates. What the tasks do is in
``environment``; this file only changes the words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rephase.environments import find_task, make, spaces_of
from rephase.errors import CannotRunHere, EnvironmentFault, UsageError

try:
    from gymnasium.spaces import Box
    from gymnasium.vector import AutoresetMode, VectorEnv
    from gymnasium.vector.utils import batch_space
except ModuleNotFoundError as error:
    raise CannotRunHere(
        "the vector face of the tasks needs gymnasium 1.0 or later, which is not installed",
        remedy="pip install 'rephase[gym]'",
    ) from error

__all__ = ["TaskVectorEnv"]

Floats = NDArray[np.float32]


class TaskVectorEnv(VectorEnv[Floats, Floats, NDArray[Any]]):
    """N episodes of a task as gymnasium sees them.

    Args:
        task: Name of the task, such as ``walker-stand``.
        num_envs: Number N of episodes.
        threads: Threads to step the physics with; 0 for one per CPU.
        padded: Whether observations and actions have the width all tasks share (24 and 6) or the task's own.
        autoreset_mode: ``NEXT_STEP`` starts new episodes at the step after the last, whose action is ignored;
            ``DISABLED`` leaves that to ``reset``.

    Raises:
        UnknownName: When there is no such task.
        UsageError: When the mode is ``SAME_STEP``.
    """

    def __init__(
        self,
        task: str,
        num_envs: int,
        *,
        threads: int = 0,
        padded: bool = False,
        autoreset_mode: AutoresetMode = AutoresetMode.NEXT_STEP,
    ) -> None:
        if autoreset_mode == AutoresetMode.SAME_STEP:
            raise UsageError(
                "autoreset mode SAME_STEP is not offered", where=task, remedy="take NEXT_STEP or DISABLED instead"
            )
        found = find_task(task)
        spaces = spaces_of([found])
        sizes = (spaces.observation, spaces.action) if padded else (found.observation_size, found.action_size)
        self._environment = make(found, num_envs, threads)
        self._padded_action_size = spaces.action
        self._observation_size, self._action_size = sizes
        self._task = task
        self._over = False
        self.num_envs = num_envs
        self.metadata = {"autoreset_mode": autoreset_mode, "render_modes": []}
        self.single_observation_space = Box(-np.inf, np.inf, sizes[:1], np.float32)
        self.single_action_space = Box(-1, 1, sizes[1:], np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """Start N new episodes.

        Args:
            seed: One seed an episode; one number s means s, s + 1, ...; None continues the episodes' random streams.
            options: Only ``reset_mask`` is known, and only one that starts all episodes.

        Returns:
            First observations, (N, O), and an empty dictionary.

        Raises:
            UsageError: When only some episodes are seeded or started: they all run in lockstep.
        """
        mask = (options or {}).get("reset_mask")
        seeds = range(seed, seed + self.num_envs) if isinstance(seed, int) else seed
        given = None if seeds is None else [one for one in seeds if one is not None]
        if (mask is not None and not np.all(mask)) or (given and seeds is not None and len(given) < len(seeds)):
            raise UsageError(
                "only some of the episodes are seeded or started; expected all", remedy="they run in lockstep"
            )
        self._over = False
        return self._own(self._environment.reset(given or None)), {}

    def step(self, actions: Floats) -> tuple[Floats, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Advance all episodes by one agent step.

        Args:
            actions: (N, A), in [-1, 1].

        Returns:
            Observations (N, O), rewards (N,) in [0, 2], terminations (never), truncations (all at once), and an empty
            dictionary.

        Raises:
            EnvironmentFault: When actions are not finite or of another shape, or no episode is running.
        """
        never = np.zeros(self.num_envs, dtype=bool)
        if self._over and self.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP:
            observation, infos = self.reset()
            return observation, np.zeros(self.num_envs), never, never.copy(), infos
        observation, reward, self._over = self._environment.step(self._widened(actions))
        return self._own(observation), reward, never, np.full(self.num_envs, self._over), {}

    def close_extras(self, **kwargs: Any) -> None:
        """Give back threads and memory."""
        self._environment.close()

    def _own(self, observation: Floats) -> Floats:
        return observation[:, : self._observation_size]

    def _widened(self, actions: Floats) -> Floats:
        """Return actions with the padding the tasks want, (N, 6)."""
        given, expected = np.asarray(actions, dtype=np.float32), (self.num_envs, self._action_size)
        if given.shape != expected:
            raise EnvironmentFault(f"actions of shape {given.shape}; expected {expected}", where=self._task)
        return np.pad(given, ((0, 0), (0, self._padded_action_size - self._action_size)))
