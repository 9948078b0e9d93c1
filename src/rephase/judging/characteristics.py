"""How often the verdict is wrong: the judging rules run on many simulated phases at once.

`rephase.judging.characteristics_page` makes the published page of it. The rules are repeated here on
arrays, because 20,000 phases one by one would take an hour; a test holds both versions to the same decisions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from rephase.judging.samples import one_sided_quantile
from rephase.judging.scenarios import Scenario, Values
from rephase.judging.spreads import COLLAPSE, FAIL_ALPHA, FAIL_SEEDS, FAIL_SHARE
from rephase.manifest.rules import VerdictRules

__all__ = ["Rates", "Truth", "decide", "simulate"]

Flags = NDArray[np.bool_]

_HEAVY = 0.6
_SUCCESSES = 0.75


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


def simulate(
    scenario: Scenario, truth: Truth, phases: int, seed: int, rules: VerdictRules, recorded_seeds: int = 3
) -> Rates:
    """Simulate phases of one scenario and count the decisions.

    Args:
        scenario: The way the world is.
        truth: What the recorded cells vary around; the reproduced ones around the same, as the scenario changes it.
        phases: How many to simulate.
        seed: Seed of the simulation's own generator.
        rules: The numbers to judge by.
        recorded_seeds: Recorded seeds a cell.

    Returns:
        Shares of PASS, INCONCLUSIVE and FAIL.
    """
    generator = np.random.default_rng(seed)
    means, sds = np.array(truth.means), np.asarray(truth.sds)
    if scenario.episodes:
        means[:, 0] = 1000 * _SUCCESSES
    recorded = _runs(generator, scenario, means, sds, (phases, recorded_seeds))
    moved = means * np.asarray(scenario.scale) + sds * np.asarray(scenario.shift)
    reproduced = _runs(generator, scenario, moved, sds * scenario.spread, (phases, scenario.seeds))
    reproduced[..., 0] *= np.broadcast_to(scenario.collapsed, means.shape)
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


def decide(recorded: Values, reproduced: Values, rules: VerdictRules) -> tuple[Flags, Flags]:
    """Judge many phases at once by the rules of `judge_phase`.

    Args:
        recorded: Recorded values, shape (phases, configs, tasks, recorded seeds), points; two seeds or more.
        reproduced: Reproduced values, shape (phases, configs, tasks, reproduced seeds), points; two seeds or more.
        rules: The numbers to judge by.

    Returns:
        Whether each phase is PASS, and whether it is FAIL; shape (phases,) each.
    """
    n, m = recorded.shape[-1], reproduced.shape[-1]
    degrees, h = n + m - 2, 1 / n + 1 / m
    size = np.abs(difference := reproduced.mean(axis=-1) - recorded.mean(axis=-1))
    before, after = recorded.var(axis=-1, ddof=1), reproduced.var(axis=-1, ddof=1)
    pooled = (before * (n - 1) + after * (m - 1)) / degrees
    variance = pooled * h
    upper = size + one_sided_quantile(rules.alpha, degrees) * np.sqrt(variance)
    within = upper <= np.maximum(rules.floor, rules.k(n, m) * np.sqrt(pooled))
    spread = _spread_p(before, after, n, m)
    is_wide = (spread < rules.spread_alpha) & (np.sqrt(after) > rules.floor / 2)
    shifted = (_holm(_p(size / _positive(np.sqrt(variance)), degrees)) <= rules.alpha / 2) & (size > rules.floor)
    if n >= FAIL_SEEDS:
        material = np.maximum(rules.floor, FAIL_SHARE * np.abs(recorded.mean(axis=-1)))
        shifted |= is_wide & (_holm(spread) <= FAIL_ALPHA) & (np.sqrt(after) > material)
    failed = shifted.any(axis=(1, 2)) | _aggregates_fail(difference, variance, degrees, rules)
    passes = within & ~is_wide & ~_far_outside(recorded, reproduced, rules)
    return passes.all(axis=(1, 2)) & ~failed, failed


def _runs(
    generator: np.random.Generator, scenario: Scenario, means: Values, sds: Values, size: tuple[int, int]
) -> Values:
    """Returns of the runs of one side, shape (phases, configs, tasks, seeds)."""
    phases, seeds = size
    values = means[..., None] + sds[..., None] * scenario.draw(generator, (phases, *means.shape, seeds))
    if scenario.tail:
        heavy = generator.random(values.shape) < scenario.tail
        values = np.where(heavy, _HEAVY * means[..., None], values)
    if scenario.episodes:
        chance = np.clip(values[:, :, 0] / 1000, 0.0, 1.0)
        values[:, :, 0] = 1000 * generator.binomial(scenario.episodes, chance) / scenario.episodes
    return np.asarray(values)


def _positive(values: Values) -> Values:
    return np.asarray(np.maximum(values, 1e-100))  # as a divisor, in place of 0


def _spread_p(before: Values, after: Values, n: int, m: int) -> Values:
    from scipy.special import fdtrc

    return np.asarray(fdtrc(m - 1, n - 1, after / _positive(before)))


def _far_outside(recorded: Values, reproduced: Values, rules: VerdictRules) -> Flags:
    lowest, highest = recorded.min(axis=-1), recorded.max(axis=-1)
    low, high = reproduced.min(axis=-1), reproduced.max(axis=-1)
    under = (low < lowest / COLLAPSE) & (lowest - low > rules.floor)
    over = (high > highest * COLLAPSE) & (high - highest > rules.floor)
    return np.asarray((lowest > 0) & (under | over))


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


def _aggregates_fail(difference: Values, variance: Values, degrees: int, rules: VerdictRules) -> Flags:
    configs, tasks = difference.shape[1:]
    mean = difference.mean(axis=2)
    total = _positive(variance.sum(axis=2))
    satterthwaite = total**2 / _positive((variance**2 / degrees).sum(axis=2))
    p = _p(mean / (np.sqrt(total) / tasks), satterthwaite)
    shown = (p <= rules.alpha / 2 / configs) & (np.abs(mean) > rules.floor / 2)
    return np.asarray(shown.any(axis=1))


def _naive(rule: str, recorded: Values, reproduced: Values) -> Flags:
    if rule == "mean within 2 SD":
        shift = np.abs(reproduced.mean(axis=-1) - recorded.mean(axis=-1))
        return np.asarray((shift <= 2 * recorded.std(axis=-1, ddof=1)).all(axis=(1, 2)))
    within = np.abs(reproduced - recorded[..., : reproduced.shape[-1]]) <= 0.2 * np.abs(
        recorded[..., : reproduced.shape[-1]]
    )
    return np.asarray(within.all(axis=(1, 2, 3)))
