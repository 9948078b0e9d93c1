"""How often the verdict is wrong: the judging rules run on many simulated phases at once.

`rephase.judging.characteristics_page` makes the published page of it. The rules are repeated here on
arrays, because 40,000 phases one by one would take an hour; a test holds both versions to the same decisions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from rephase.judging.samples import critical_value, one_sided_quantile
from rephase.manifest.rules import VerdictRules

__all__ = ["POWER", "SCENARIOS", "Rates", "Scenario", "Truth", "decide", "simulate"]

Values = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Values]


@frozen
class Truth:
    """What the cells of a simulated phase vary around.

    Args:
        means: Mean return of each cell, shape (configs, tasks), points.
        sds: Between-seed standard deviation of each cell, same shape.
    """

    means: tuple[tuple[float, ...], ...]
    sds: tuple[tuple[float, ...], ...]


@frozen
class Scenario:
    """One way the world may be.

    Args:
        name: What it is, for the table.
        draw: Standardised noise, mean 0 and standard deviation 1, of a given shape.
        scale: Factor on the reproduced mean of each cell, broadcast to (configs, tasks).
        spread: Factor on the reproduced standard deviations.
        shift: Added to the reproduced mean of each cell, in its standard deviations, broadcast to (configs, tasks).
        rule: ``verdict``; ``extended`` for three seeds and, where open, all of them; or one of the rules to avoid,
            ``mean within 2 SD`` and ``each within 20%``.
        seeds: Reproduced seeds a cell.
    """

    name: str
    draw: Draw
    scale: Any = 1.0
    spread: float = 1.0
    shift: Any = 0.0
    rule: str = "verdict"
    seeds: int = 3


@frozen
class Rates:
    """Shares of simulated phases by decision, in percent.

    Args:
        passed: PASS, in percent.
        inconclusive: INCONCLUSIVE, in percent.
        failed: FAIL, in percent.
        phases: Phases simulated.
    """

    passed: float
    inconclusive: float
    failed: float
    phases: int


def gaussian(generator: np.random.Generator, shape: tuple[int, ...]) -> Values:
    """Draw standard normal noise."""
    return generator.standard_normal(shape)


def skewed(generator: np.random.Generator, shape: tuple[int, ...]) -> Values:
    """Draw noise with a long lower tail, as returns near a maximum have: a mirrored gamma of shape 9, skewness -2/3."""
    return (9.0 - generator.gamma(9.0, size=shape)) / 3.0


_WALKER_LOWER = ((1.0, 0.8, 1.0), (1.0, 1.0, 1.0))

SCENARIOS = (
    Scenario("faithful rerun, Gaussian", gaussian),
    Scenario("faithful rerun, skewed", skewed),
    Scenario("baseline walker-stand 20% lower", gaussian, scale=_WALKER_LOWER),
    Scenario("every outcome x 0.3", gaussian, scale=0.3, spread=0.3),
    Scenario("faithful rerun, Gaussian, six seeds", gaussian, seeds=6),
    Scenario("faithful rerun, skewed, six seeds", skewed, seeds=6),
    Scenario("faithful rerun, Gaussian, three seeds and six where open", gaussian, rule="extended", seeds=6),
    Scenario("baseline walker-stand 20% lower, six seeds", gaussian, scale=_WALKER_LOWER, seeds=6),
    Scenario("avoided rule: every mean within 2 recorded SD; faithful, Gaussian", gaussian, rule="mean within 2 SD"),
    Scenario("avoided rule: every mean within 2 recorded SD; faithful, skewed", skewed, rule="mean within 2 SD"),
    Scenario("avoided rule: every run within 20% of its seed's; faithful, Gaussian", gaussian, rule="each within 20%"),
)
"""Every scenario of the published table, in its order; the truth's first config is the baseline, its second task
walker-stand."""

POWER = tuple(
    Scenario(f"{shift} SD, {seeds} seeds", gaussian, shift=((0.0, 0.0, 0.0), (0.0, -float(shift), 0.0)), seeds=seeds)
    for seeds in (3, 6)
    for shift in (0, 1, 2, 3, 4, 6)
)
"""Scenarios in which one cell of six, the second config's walker-stand, is shifted and the others are faithful."""


def simulate(scenario: Scenario, truth: Truth, phases: int, seed: int, rules: VerdictRules) -> Rates:
    """Simulate phases of one scenario and count the decisions.

    Args:
        scenario: The way the world is.
        truth: What the recorded cells vary around; the reproduced ones around the same, scaled and shifted.
        phases: How many to simulate.
        seed: Seed of the simulation's own generator.
        rules: The numbers to judge by.

    Returns:
        Shares of PASS, INCONCLUSIVE and FAIL.
    """
    generator = np.random.default_rng(seed)
    means, sds = np.asarray(truth.means), np.asarray(truth.sds)
    recorded = _draw(generator, scenario.draw, means, sds, phases, 3)
    moved = means * np.asarray(scenario.scale) + sds * np.asarray(scenario.shift)
    reproduced = _draw(generator, scenario.draw, moved, sds * scenario.spread, phases, scenario.seeds)
    if scenario.rule == "verdict":
        passed, failed = decide(recorded, reproduced, rules)
    elif scenario.rule == "extended":
        passed, failed = decide(recorded, reproduced[..., :3], rules)
        is_open = ~passed & ~failed
        later_passed, later_failed = decide(recorded, reproduced, rules)
        passed, failed = passed | (is_open & later_passed), failed | (is_open & later_failed)
    else:
        passed = _naive(scenario.rule, recorded, reproduced)
        failed = ~passed
    passes, fails = 100 * float(np.mean(passed)), 100 * float(np.mean(failed))
    return Rates(passes, 100.0 - passes - fails, fails, phases)


def decide(recorded: Values, reproduced: Values, rules: VerdictRules) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Judge many phases at once by the rules of `judge_phase`.

    Args:
        recorded: Recorded values, shape (phases, configs, tasks, recorded seeds), points.
        reproduced: Reproduced values, shape (phases, configs, tasks, reproduced seeds), points.
        rules: The numbers to judge by.

    Returns:
        Whether each phase is PASS, and whether it is FAIL; shape (phases,) each.
    """
    n, m = recorded.shape[-1], reproduced.shape[-1]
    degrees, h = n + m - 2, 1 / n + 1 / m
    difference = reproduced.mean(axis=-1) - recorded.mean(axis=-1)
    spread = (recorded.var(axis=-1, ddof=1) * (n - 1) + reproduced.var(axis=-1, ddof=1) * (m - 1)) / degrees
    variance = spread * h
    t = np.abs(difference) / np.sqrt(variance)
    upper = np.abs(difference) + one_sided_quantile(rules.alpha, degrees) * np.sqrt(variance)
    passes = (t <= critical_value(rules.k(m), n, m, rules.alpha)) | (upper < rules.floor)
    fails = (_holm(_p(t, degrees)) <= rules.alpha / 2) & (np.abs(difference) > rules.floor)
    failed = fails.any(axis=(1, 2)) | _aggregates_fail(difference, variance, degrees, rules)
    return (passes & ~fails).all(axis=(1, 2)) & ~failed, failed


def _draw(generator: np.random.Generator, draw: Draw, means: Values, sds: Values, phases: int, seeds: int) -> Values:
    noise = draw(generator, (phases, *means.shape, seeds))
    return means[..., None] + sds[..., None] * noise


def _p(t: Values, degrees: Any) -> Values:
    from scipy.special import stdtr

    return np.asarray(2 * stdtr(degrees, -np.abs(t)))


def _holm(p: Values) -> Values:
    flat = p.reshape(len(p), -1)
    order = np.argsort(flat, axis=1)
    steps = np.take_along_axis(flat, order, axis=1) * np.arange(flat.shape[1], 0, -1)
    adjusted = np.empty_like(flat)
    np.put_along_axis(adjusted, order, np.minimum(1.0, np.maximum.accumulate(steps, axis=1)), axis=1)
    return adjusted.reshape(p.shape)


def _aggregates_fail(difference: Values, variance: Values, degrees: int, rules: VerdictRules) -> NDArray[np.bool_]:
    configs, tasks = difference.shape[1:]
    mean = difference.mean(axis=2)
    total = variance.sum(axis=2)
    satterthwaite = total**2 / (variance**2 / degrees).sum(axis=2)
    p = _p(mean / (np.sqrt(total) / tasks), satterthwaite)
    shown = (p <= rules.alpha / 2 / configs) & (np.abs(mean) > rules.floor / 2)
    return np.asarray(shown.any(axis=1))


def _naive(rule: str, recorded: Values, reproduced: Values) -> NDArray[np.bool_]:
    if rule == "mean within 2 SD":
        shift = np.abs(reproduced.mean(axis=-1) - recorded.mean(axis=-1))
        return np.asarray((shift <= 2 * recorded.std(axis=-1, ddof=1)).all(axis=(1, 2)))
    within = np.abs(reproduced - recorded) <= 0.2 * np.abs(recorded)
    return np.asarray(within.all(axis=(1, 2, 3)))
