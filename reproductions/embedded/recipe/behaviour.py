"""Behaviour data the way the official data set was made: replay buffers of single-task model-free agents.

A soft actor-critic agent of stable-baselines3 learns one task; every episode it lives through on the way, from its
first random ones to its best, is kept. It knows nothing of world models; `recipe.rounds` adds what extracted policies
do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray

from recipe.settings import Behaviour
from rephase.environments import SPACES, find_task, make
from rephase.reproduction.pretraining.episodes import EpisodeRecorder, RealEpisodes, join

__all__ = ["LearningTask", "collect"]


class LearningTask(gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]):
    """One real task as the learner wants it: unpadded, one episode at a time; finished episodes are kept.

    Args:
        name: Name of the task.
        seed: Seed of the task's own random stream.
    """

    def __init__(self, name: str, seed: int) -> None:
        self._task = find_task(name)
        self._real = EpisodeRecorder(make(name, 1, threads=1), self._task.action_size)
        self._first_seeds: list[int] | None = [seed]
        self.finished: list[RealEpisodes] = []
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (self._task.observation_size,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (self._task.action_size,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start an episode; only the first one seeds the random stream, later ones continue it."""
        observation = self._real.reset(self._first_seeds)
        self._first_seeds = None
        return self._own(observation), {}

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Advance one agent step and keep the episode when it is over."""
        padded = np.zeros((1, SPACES.action), np.float32)
        padded[0, : self._task.action_size] = action
        observation, reward, over = self._real.step(padded)
        if over:
            self.finished.append(self._real.episodes())
        return self._own(observation), float(reward[0]), False, over, {}

    def _own(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        return observation[0, : self._task.observation_size].copy()


def collect(behaviour: Behaviour, path: Path) -> None:
    """Let one agent learn its task and keep all its finished episodes in ``path``; does nothing if that is there.

    Args:
        behaviour: The agent.
        path: File the episodes go to.
    """
    if path.exists():
        return
    from stable_baselines3 import SAC

    torch.set_num_threads(1)
    task = LearningTask(behaviour.task, behaviour.seed)
    agent = SAC(
        "MlpPolicy",
        task,
        learning_rate=behaviour.learning_rate,
        learning_starts=behaviour.random_steps,
        batch_size=256,
        buffer_size=behaviour.steps,
        seed=behaviour.seed,
        device="cpu",
        policy_kwargs={"net_arch": [256, 256]},
    )
    agent.learn(behaviour.steps)
    (episodes,) = join(task.finished).values()
    episodes.write(path, source=f"soft actor-critic, seed {behaviour.seed}")
