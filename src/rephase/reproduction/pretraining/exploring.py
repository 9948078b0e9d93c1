"""Episodes before there is any model: random actions, half of them held for a while, so that limbs move somewhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rephase.engine.seeding import stream_seed
from rephase.environments import make
from rephase.plugins import TaskOffer
from rephase.protocols import Spaces
from rephase.reproduction.pretraining.episodes import EpisodeRecorder, RealEpisodes

__all__ = ["explore"]

_LONGEST_HOLD = 20
"""Agent steps for which a held action lasts at most."""


def explore(task: TaskOffer, count: int, spaces: Spaces, seed: int) -> RealEpisodes:
    """Play episodes of random actions.

    Args:
        task: The task.
        count: Number E of episodes. Those of odd number draw each action for itself, the others hold it for 1 to 20
            steps.
        spaces: Sizes to pad to.
        seed: Seed of the episodes and the actions.

    Returns:
        The episodes.
    """
    draws = np.random.default_rng(stream_seed(seed, f"explore/{task.name}"))
    recorder = EpisodeRecorder(make(task, count, 1, spaces), task.action_size)
    recorder.reset([stream_seed(seed, f"explore/{task.name}/{episode}") % 2**32 for episode in range(count)])
    held: NDArray[np.float32] = np.zeros((count, spaces.action), np.float32)
    left = np.zeros(count, dtype=np.int64)
    over = False
    while not over:
        renewed = left <= 0
        held[renewed] = draws.uniform(-1, 1, (int(renewed.sum()), spaces.action))
        longest = np.where(np.arange(count) % 2, 1, _LONGEST_HOLD)
        left[renewed] = draws.integers(1, longest[renewed] + 1)
        left -= 1
        _, _, over = recorder.step(held)
    recorder.close()
    return recorder.episodes()
