"""Other people's environments, one episode each, as N episodes in lockstep.

Takes what has the methods of Gymnasium's ``Env`` (``reset(seed=...)``, ``step``, ``action_space``) or of dm_env's
``Environment`` (``reset``, ``step``, ``action_spec``, and a ``task.random`` to seed). Neither is imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from rephase.errors import EnvironmentFault, PluginError, RephaseError
from rephase.plugins import TaskOffer
from rephase.plugins.strangers import shown
from rephase.protocols import Spaces

__all__ = ["Lockstep"]

T = TypeVar("T")


class Lockstep:
    """N episodes of one task, stepped one after the other.

    An agent step is one ``step`` of the environments; actions in [-1, 1] are stretched to the bounds their action
    space names. An episode that ends early is held at its last observation, with rewards of 0, until all have had the
    steps that the task says. Before the first ``reset`` with seeds, episode i has seed i.

    Args:
        task: The offer.
        episodes: N environments that share nothing, at least one.
        spaces: Sizes S and A to pad to.

    Raises:
        PluginError: They are of neither kind, their actions are not a box of the task's size, or they cannot be seeded.
    """

    def __init__(self, task: TaskOffer, episodes: Sequence[object], spaces: Spaces) -> None:
        if not episodes:
            raise EnvironmentFault("0 episodes; expected at least 1", where=task.name)
        self.task = task
        self.spaces = spaces
        self._episodes = [_episode(task, one) for one in episodes]
        self._seeds: list[int] | None = list(range(len(episodes)))
        self._shown = np.zeros((len(episodes), spaces.observation), dtype=np.float32)
        self._running = [False] * len(episodes)
        self._steps_left = 0

    def reset(self, seeds: Sequence[int] | None = None) -> NDArray[np.float32]:
        """Start N new episodes.

        Args:
            seeds: One seed for each; None goes on with the random streams there are.

        Returns:
            First observations, (N, S).

        Raises:
            EnvironmentFault: There are not N seeds, or an environment failed.
        """
        if seeds is not None and len(seeds) != len(self._episodes):
            raise EnvironmentFault(f"{len(seeds)} seeds; expected {len(self._episodes)}", where=self.task.name)
        given = self._seeds if seeds is None else [int(seed) for seed in seeds]
        self._seeds = None
        for at, episode in enumerate(self._episodes):
            self._show(at, self._asked(episode.reset, None if given is None else given[at]))
        self._running = [True] * len(self._episodes)
        self._steps_left = self.task.episode_steps
        return self._shown.copy()

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64], bool]:
        """Advance all episodes by one agent step.

        Args:
            action: (N, A); what is beyond [-1, 1] is cut off.

        Returns:
            Observations (N, S), rewards (N,), and whether the episodes are over (all at once).

        Raises:
            EnvironmentFault: An action is not finite or of another shape, no episode runs, or an environment failed.
        """
        own = self._checked(action)
        reward = np.zeros(len(self._episodes))
        for at, episode in enumerate(self._episodes):
            if self._running[at]:
                observation, reward[at], ended = self._asked(episode.step, own[at])
                self._show(at, observation)
                self._running[at] = not ended
        self._steps_left -= 1
        return self._shown.copy(), reward, self._steps_left == 0

    def task_index(self) -> int:
        """Row of the task in the embedding of a world model."""
        return self.task.index

    def close(self) -> None:
        """Close the environments."""
        self._steps_left = 0
        for episode in self._episodes:
            self._asked(episode.close)

    def _checked(self, action: NDArray[np.float32]) -> NDArray[np.float32]:
        expected = (len(self._episodes), self.spaces.action)
        given = np.asarray(action, dtype=np.float32)
        if self._steps_left <= 0:
            raise EnvironmentFault("there is no episode to step", where=self.task.name, remedy="call reset first")
        if given.shape != expected:
            raise EnvironmentFault(f"actions of shape {given.shape}; expected {expected}", where=self.task.name)
        own = given[:, : self.task.action_size]
        if not np.isfinite(own).all():
            raise EnvironmentFault("actions are not finite; expected numbers", where=self.task.name)
        return own.clip(-1, 1)

    def _show(self, at: int, observation: object) -> None:
        parts = observation.values() if isinstance(observation, Mapping) else [observation]
        flat = np.concatenate([np.ravel(np.asarray(part, dtype=np.float32)) for part in parts])
        if flat.shape != (self.task.observation_size,) or not np.isfinite(flat).all():
            raise EnvironmentFault(
                f"an observation has {flat.size} numbers, {int((~np.isfinite(flat)).sum())} of them not finite; "
                f"expected {self.task.observation_size} finite ones",
                where=self.task.name,
                remedy="compare observation_size in its offer with what its environment shows",
            )
        self._shown[at, : flat.size] = flat

    def _asked(self, call: Callable[..., T], *arguments: object) -> T:
        """Call a stranger's environment; not by `ask`, which costs more than a small environment's step."""
        try:
            return call(*arguments)
        except RephaseError:
            raise
        except Exception as error:
            raise EnvironmentFault(
                f"its environment failed: {type(error).__name__}: {shown(error, str)}",
                where=self.task.name,
                remedy="its own tests with the conformance kit say which rule it breaks",
            ) from error


@frozen
class _Episode:
    """One environment by three functions, whichever kind it is of; actions in [-1, 1]."""

    reset: Callable[[int | None], object]
    step: Callable[[NDArray[np.float32]], tuple[object, float, bool]]
    close: Callable[[], object]


def _episode(task: TaskOffer, one: Any) -> _Episode:
    if hasattr(one, "action_space"):
        stretch = _stretch(task, one.action_space, "low", "high")
        return _Episode(lambda seed: one.reset(seed=seed)[0], lambda action: _gym_step(one, stretch(action)), one.close)
    if hasattr(one, "action_spec"):
        stretch = _stretch(task, one.action_spec(), "minimum", "maximum")
        random = getattr(getattr(one, "task", None), "random", None)
        if not hasattr(random, "seed"):
            raise PluginError(
                "its environment has no task.random to seed, so that no episode could be repeated", where=task.name
            )
        return _Episode(
            lambda seed: _dm_reset(one, random, seed), lambda action: _dm_step(one, stretch(action)), one.close
        )
    raise PluginError(
        f"a {type(one).__name__} has neither action_space (Gymnasium) nor action_spec (dm_env)", where=task.name
    )


def _stretch(task: TaskOffer, space: object, low: str, high: str) -> Callable[[NDArray[np.float32]], NDArray[Any]]:
    """From [-1, 1] to the bounds of an action space."""
    shape: tuple[int, ...] = getattr(space, "shape", ())
    bounds = [np.broadcast_to(np.asarray(getattr(space, end, np.nan), dtype=np.float64), shape) for end in (low, high)]
    if int(np.prod(shape)) != task.action_size or not np.isfinite(bounds).all():
        raise PluginError(
            f"its actions are {space!s}; expected a box of {task.action_size} numbers with finite bounds",
            where=task.name,
            remedy="set action_size in its offer to the number of its actions, or wrap it so that they are bounded",
        )
    first, scale = bounds[0], (bounds[1] - bounds[0]) / 2
    return lambda action: (first + scale * (action.reshape(shape).astype(np.float64) + 1)).astype(np.float32)


def _gym_step(one: Any, action: NDArray[Any]) -> tuple[object, float, bool]:
    observation, reward, terminated, truncated, _ = one.step(action)
    return observation, float(reward), bool(terminated or truncated)


def _dm_reset(one: Any, random: Any, seed: int | None) -> object:
    if seed is not None:
        random.seed(seed)
    return one.reset().observation


def _dm_step(one: Any, action: NDArray[Any]) -> tuple[object, float, bool]:
    found = one.step(action)
    return found.observation, float(found.reward or 0.0), bool(found.last())
