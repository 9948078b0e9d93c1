"""Real episodes of one task as arrays, kept in safetensors files that appear whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor

from rephase.engine.checkpoints import read_tensors, write_tensors
from rephase.engine.pretraining import EpisodePool
from rephase.protocols import BatchedEnvironment

__all__ = ["EpisodeRecorder", "RealEpisodes", "join", "pool"]


@frozen(eq=False)
class RealEpisodes:
    """E whole episodes of T agent steps of one task.

    Args:
        task: Task index.
        observations: Padded, float32, (E, T+1, S).
        actions: Padded with zeros, float32, (E, T, A).
        rewards: Plain, float32, (E, T).
    """

    task: int
    observations: Tensor
    actions: Tensor
    rewards: Tensor

    @property
    def returns(self) -> Tensor:
        """Plain returns, (E,)."""
        return self.rewards.sum(1)

    def __len__(self) -> int:
        return self.rewards.shape[0]

    def write(self, path: Path, **about: str) -> str:
        """Write to ``path``, with what they are ``about`` as metadata; returns the file's digest."""
        tensors = {"observations": self.observations, "actions": self.actions, "rewards": self.rewards}
        return write_tensors(path, tensors, {"task": str(self.task), **about})

    @classmethod
    def read(cls, path: Path) -> RealEpisodes:
        """Read what `write` wrote."""
        tensors, metadata = read_tensors(path)
        return cls(int(metadata["task"]), tensors["observations"], tensors["actions"], tensors["rewards"])


class EpisodeRecorder:
    """An environment that also keeps the episodes it plays.

    Args:
        environment: The environment played in.
        action_size: Width of the task's own action; the rest of an action is kept as zeros.
    """

    def __init__(self, environment: BatchedEnvironment, action_size: int) -> None:
        self._environment = environment
        self._action_size = action_size
        self._observations: list[NDArray[np.float32]] = []
        self._actions: list[NDArray[np.float32]] = []
        self._rewards: list[NDArray[np.float64]] = []

    def reset(self, seeds: Sequence[int] | None = None) -> NDArray[np.float32]:
        """Start new episodes and forget the old ones."""
        first = self._environment.reset(seeds)
        self._observations, self._actions, self._rewards = [first.copy()], [], []
        return first

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64], bool]:
        """Advance and keep one agent step."""
        observation, reward, over = self._environment.step(action)
        own = action.astype(np.float32, copy=True)
        own[:, self._action_size :] = 0
        self._observations.append(observation.copy())
        self._actions.append(own)
        self._rewards.append(reward.copy())
        return observation, reward, over

    def task_index(self) -> int:
        """Index of the task in the suite."""
        return self._environment.task_index()

    def close(self) -> None:
        """Close the environment played in; the episodes stay."""
        self._environment.close()

    def episodes(self) -> RealEpisodes:
        """The episodes since the last reset."""
        return RealEpisodes(
            self.task_index(),
            torch.from_numpy(np.stack(self._observations, 1)),
            torch.from_numpy(np.stack(self._actions, 1)),
            torch.from_numpy(np.stack(self._rewards, 1).astype(np.float32)),
        )


def join(parts: Iterable[RealEpisodes]) -> dict[int, RealEpisodes]:
    """All episodes of each task in one, in the order given."""
    by_task: dict[int, list[RealEpisodes]] = {}
    for part in parts:
        by_task.setdefault(part.task, []).append(part)
    return {
        task: RealEpisodes(
            task,
            torch.cat([part.observations for part in own]),
            torch.cat([part.actions for part in own]),
            torch.cat([part.rewards for part in own]),
        )
        for task, own in by_task.items()
    }


def pool(episodes: dict[int, RealEpisodes], shares: dict[int, float] | None) -> EpisodePool:
    """What a fit draws its slices from."""
    return EpisodePool(
        {task: own.observations for task, own in episodes.items()},
        {task: own.actions for task, own in episodes.items()},
        {task: own.rewards for task, own in episodes.items()},
        shares,
    )
