"""Start states come from what was played, each row once, never an episode's end."""

from __future__ import annotations

import torch

from rephase.reproduction.pretraining.episodes import RealEpisodes
from rephase.reproduction.pretraining.playing import start_states


def episodes(task: int, count: int = 4, steps: int = 3) -> RealEpisodes:
    """Episodes whose observations are ``100 task + 10 episode + step``."""
    number = 100.0 * task + 10 * torch.arange(count)[:, None] + torch.arange(steps + 1)
    return RealEpisodes(task, number[..., None], torch.zeros(count, steps, 1), torch.zeros(count, steps))


def test_rows_are_drawn_once_from_every_step_but_the_last() -> None:
    starts = start_states({5: episodes(5), 2: episodes(2)}, 1000, seed=0)
    assert list(starts) == [2, 5]
    expected = [500 + 10 * episode + step for episode in range(4) for step in range(3)]
    assert sorted(starts[5].flatten().tolist()) == expected
    assert starts[5].flatten().tolist() != expected


def test_a_task_has_its_own_draws_by_seed() -> None:
    alone = start_states({5: episodes(5)}, 6, seed=0)[5]
    assert torch.equal(alone, start_states({5: episodes(5), 2: episodes(2)}, 6, seed=0)[5])
    assert not torch.equal(alone, start_states({5: episodes(5)}, 6, seed=1)[5])
    assert len(alone) == 6
