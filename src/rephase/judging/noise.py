"""How much of a spread between seeds the episodes alone explain.

A run's return is the mean of some episodes, so it would vary without any difference between policies. Where seeds
spread less than their episodes alone would make them, their spread is luck, and so is what is measured by it. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rephase.judging.samples import is_measurable, sample
from rephase.manifest.outcomes import Outcome

__all__ = ["episode_noise", "noise_by_cell"]


def episode_noise(runs: Sequence[Sequence[float]]) -> float:
    """Return the standard deviation that means of episodes have although every run's policy is the same.

    Args:
        runs: Returns of each run's episodes, in points; runs with fewer than two say nothing.

    Returns:
        Root of the mean over runs of s_w^2 / E, with a run's variance s_w^2 over its E episodes, in points; NaN where
        no run says anything.
    """
    samples = [sample(run) for run in runs if len(run) > 1 and all(map(is_measurable, run))]
    if not samples:
        return math.nan
    return math.sqrt(math.fsum(one.sd**2 / one.count for one in samples) / len(samples))


def noise_by_cell(*sides: Sequence[Outcome]) -> Mapping[tuple[str, str], float]:
    """Return the noise of every cell, from the episodes of all its runs on all sides."""
    episodes: dict[tuple[str, str], list[Sequence[float]]] = {}
    for side in sides:
        for outcome in side:
            episodes.setdefault(outcome.run[:2], []).append(outcome.episode_returns)
    return {cell: episode_noise(runs) for cell, runs in episodes.items()}
