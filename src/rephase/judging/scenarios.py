"""The ways the world may be in which the verdict's error rates are simulated: plain values and draws, nothing judged.

Every scenario changes what the runs of a simulated phase return; the recorded and the reproduced side are drawn around
the same truth unless the scenario says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

__all__ = ["EXTENDED", "POWER", "RECORDED_SEEDS", "SCENARIOS", "Scenario", "Values", "gaussian", "skewed"]

Values = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Values]

RECORDED_SEEDS = (3, 12)
"""Recorded seeds a cell that every scenario is simulated with: the log's, and the embedded scale's."""

EXTENDED = 6
"""Reproduced seeds a cell after the declared extension."""


@frozen(kw_only=True)
class Scenario:
    """One way the world may be. What is per cell is broadcast to (configs, tasks).

    Args:
        name: What it is, for the table.
        draw: Standardised noise, mean 0 and standard deviation 1, of a given shape.
        scale: Factor on the reproduced mean of each cell.
        spread: Factor on the reproduced standard deviations.
        shift: Added to the reproduced mean of each cell, in its standard deviations.
        collapsed: Factor on the first reproduced run of each cell; 0 where it returned nothing.
        tail: Share of runs, on both sides, that return 60% of their cell's mean.
        episodes: Episodes of a run that end at 0 or 1000, three in four at 1000, on the first task; 0 for returns
            without noise of episodes.
        rule: ``verdict``; ``extended`` for three seeds and, where open, six; or one of the rules to avoid,
            ``mean within 2 SD`` and ``each within 20%``.
        seeds: Reproduced seeds a cell.
    """

    name: str
    draw: Draw
    scale: Any = 1.0
    spread: float = 1.0
    shift: Any = 0.0
    collapsed: Any = 1.0
    tail: float = 0.0
    episodes: int = 0
    rule: str = "verdict"
    seeds: int = 3


def gaussian(generator: np.random.Generator, shape: tuple[int, ...]) -> Values:
    """Draw standard normal noise."""
    return generator.standard_normal(shape)


def skewed(generator: np.random.Generator, shape: tuple[int, ...]) -> Values:
    """Draw noise with a long lower tail, as returns near a maximum have: a mirrored gamma of shape 9, skewness -2/3."""
    return (9.0 - generator.gamma(9.0, size=shape)) / 3.0


def _in_cell(config: int, task: int, value: float, others: float) -> tuple[tuple[float, ...], ...]:
    """A value for one cell of the two configs and three tasks, another for the rest."""
    return tuple(tuple(value if (i, j) == (config, task) else others for j in range(3)) for i in range(2))


def _collapsed(where: str, config: int, task: int, factor: float = 0.0) -> Scenario:
    return Scenario(name=f"one of three runs of {where}", draw=gaussian, collapsed=_in_cell(config, task, factor, 1.0))


SCENARIOS = (
    Scenario(name="faithful", draw=gaussian),
    Scenario(name="faithful, skewed lower tail", draw=skewed),
    Scenario(name="faithful, heavy tail on both sides (3% of runs at 60%)", draw=gaussian, tail=0.03),
    Scenario(name="faithful, six reproduced seeds", draw=gaussian, seeds=EXTENDED),
    Scenario(name="faithful, extended to six seeds where open", draw=gaussian, rule="extended", seeds=EXTENDED),
    Scenario(name="one of three runs at 0 in every cell", draw=gaussian, collapsed=0.0),
    _collapsed("baseline walker-stand at 0", 0, 1),
    _collapsed("baseline walker-stand at half", 0, 1, 0.5),
    _collapsed("flow walker-stand at 0", 1, 1),
    _collapsed("flow cheetah-run at 0", 1, 2),
    Scenario(name="spread x 3", draw=gaussian, spread=3.0),
    Scenario(name="baseline walker-stand lower by 3 SD", draw=gaussian, shift=_in_cell(0, 1, -3.0, 0.0)),
    Scenario(name="baseline walker-stand 20% lower", draw=gaussian, scale=_in_cell(0, 1, 0.8, 1.0)),
    Scenario(name="every outcome x 0.3", draw=gaussian, scale=0.3, spread=0.3),
    Scenario(name="reacher-easy by ten episodes of 0 or 1000, faithful", draw=gaussian, episodes=10),
    Scenario(name="reacher-easy by fifty such episodes, faithful", draw=gaussian, episodes=50),
    Scenario(
        name="reacher-easy by ten such episodes, baseline 40% lower",
        draw=gaussian,
        episodes=10,
        scale=_in_cell(0, 0, 0.6, 1.0),
    ),
    Scenario(
        name="reacher-easy by fifty such episodes, baseline 40% lower",
        draw=gaussian,
        episodes=50,
        scale=_in_cell(0, 0, 0.6, 1.0),
    ),
    Scenario(name="avoided rule: every mean within 2 recorded SD; faithful", draw=gaussian, rule="mean within 2 SD"),
    Scenario(name="avoided rule: every run within 20% of its seed's; faithful", draw=gaussian, rule="each within 20%"),
)
"""Every scenario of the published table, in its order; the truth's first config is the baseline, its tasks are
reacher-easy, walker-stand and cheetah-run."""

POWER = tuple(
    Scenario(name=f"{shift} SD, {seeds} seeds", draw=gaussian, shift=_in_cell(1, 1, -float(shift), 0.0), seeds=seeds)
    for seeds in (3, EXTENDED)
    for shift in (0, 1, 2, 3, 4, 6)
)
"""Scenarios in which one cell of six, the second config's walker-stand, is shifted and the others are faithful."""
