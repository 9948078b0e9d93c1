"""Evaluation of many deterministic policies in their real tasks at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from rephase.engine.seeding import stream_seed
from rephase.protocols import BatchedEnvironment

__all__ = ["episode_seeds", "evaluate"]


def episode_seeds(seed: int, name: str, episodes: int) -> tuple[int, ...]:
    """Seeds of one run's evaluation episodes.

    They depend on the run's seed, the evaluation's name and the episode's number alone, so the same run meets the
    same episodes however runs are grouped.

    Args:
        seed: The run's seed.
        name: Which evaluation, such as ``reward`` or ``plan``.
        episodes: How many.

    Returns:
        Seeds in [0, 2**32), one for each episode.
    """
    return tuple(stream_seed(seed, f"evaluation/{name}/{episode}") % 2**32 for episode in range(episodes))


def evaluate(
    act: Callable[[Tensor], Tensor],
    tasks: Sequence[int],
    seeds: Sequence[Sequence[int]],
    environments: Mapping[int, BatchedEnvironment],
) -> Tensor:
    """Play whole episodes, all runs and episodes in lockstep, with one call of ``act`` an agent step.

    Args:
        act: Maps observations (R, E, S) to actions (R, E, A) in [-1, 1].
        tasks: Task index of each of the R runs.
        seeds: Episode seeds of each run, R times E.
        environments: For each task index an environment of as many episodes as its runs have together.

    Returns:
        Returns of the episodes, (R, E), float64.
    """
    runs, episodes = len(tasks), len(seeds[0])
    rows = {task: [run for run in range(runs) if tasks[run] == task] for task in environments}
    observation: Tensor | None = None
    for task, environment in environments.items():
        first = environment.reset([seed for run in rows[task] for seed in seeds[run]])
        if observation is None:
            observation = torch.zeros(runs, episodes, first.shape[-1])
        observation[rows[task]] = torch.from_numpy(first).reshape(-1, episodes, first.shape[-1])
    assert observation is not None
    returns = torch.zeros(runs, episodes, dtype=torch.float64)
    playing = dict(environments)  # tasks whose episodes are shorter are over before the others
    while playing:
        actions = act(observation)
        for task, environment in list(playing.items()):
            own = actions[rows[task]].flatten(0, 1).numpy().astype(np.float32, copy=False)
            seen, reward, over = environment.step(own)
            observation[rows[task]] = torch.from_numpy(seen).reshape(-1, episodes, seen.shape[-1])
            returns[rows[task]] += torch.from_numpy(reward).reshape(-1, episodes)
            if over:
                del playing[task]
    return returns
