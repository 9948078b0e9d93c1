"""The recipe is not installed: it lies beside the assets it makes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

EMBEDDED = Path(__file__).parents[3] / "reproductions" / "embedded"

if str(EMBEDDED) not in sys.path:
    sys.path.insert(0, str(EMBEDDED))


@pytest.fixture
def random_episodes():
    """Two real episodes of random actions of a task, by its name."""
    from rephase.environments import find_task, make
    from rephase.reproduction.pretraining.episodes import EpisodeRecorder

    def play(name: str):
        recorder = EpisodeRecorder(make(name, 2, threads=1), find_task(name).action_size)
        recorder.reset([3, 4])
        generator = np.random.default_rng(5)
        over = False
        while not over:
            _, _, over = recorder.step(generator.uniform(-1, 1, (2, 6)).astype(np.float32))
        recorder.close()
        return recorder.episodes()

    return play


@pytest.fixture
def one_thread():
    """The recipe sets torch's threads; put them back."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
