"""Integrity: whether what was run is what was declared. Deterministic, and before any statistics.

A statistic cannot notice that two methods were swapped or that a run was counted twice; comparing digests and run lists
can. Pure functions: who calls them reads the records.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from rephase.judging.cells import Cell
from rephase.judging.samples import is_measurable
from rephase.manifest.outcomes import Outcome

__all__ = ["SUITE_RETURNS", "Breach", "Run", "broken_cells", "check_outcomes", "check_pins", "missing_runs"]

SUITE_RETURNS = (0.0, 1000.0)
"""Lowest and highest return of the suite's tasks: 500 agent steps of at most 2."""

_SLACK = 1e-6
_ROUNDING = 0.0101
"""What a mean and its episodes may differ by where both are given with two decimals."""

Run = tuple[str, str, int]
"""A configuration, a task and a seed."""


@frozen(kw_only=True)
class Breach:
    """One way in which what was run is not what was declared.

    Args:
        rule: What was to hold, in a word or two: ``declared``, ``once``, ``finite``, ``range``, ``mean``,
            ``digests``, ``extension``, ``identity``, or the name of a pin such as ``checkpoint``.
        where: The run, file or side it does not hold for.
        problem: What was found and expected.
        remedy: What to do.
        cell: The cell whose values it spoils; None when it spoils none or all.
    """

    rule: str
    where: str
    problem: str
    remedy: str = ""
    cell: Cell | None = None

    def __str__(self) -> str:
        text = f"{self.where}: {self.problem}"
        return f"{text}; {self.remedy}" if self.remedy else text


def missing_runs(declared: Iterable[Run], reproduced: Sequence[Outcome]) -> tuple[Run, ...]:
    """Return the declared runs without an outcome, in order; that is no breach, they are still to be done."""
    done = {outcome.run for outcome in reproduced}
    return tuple(sorted(set(declared) - done))


def check_outcomes(
    recorded: Sequence[Outcome],
    reproduced: Sequence[Outcome],
    declared: Iterable[Run],
    config_digests: Mapping[str, str] | None = None,
    returns: tuple[float, float] | None = SUITE_RETURNS,
) -> tuple[Breach, ...]:
    """Compare outcomes with the declared runs and with themselves.

    Args:
        recorded: Outcomes to judge against.
        reproduced: Outcomes that were measured.
        declared: Runs the manifest asks for, with those of a declared extension.
        config_digests: Digest of the resolved configuration of each method; methods not in it are not checked.
        returns: Lowest and highest return there can be; None for any finite number.

    Returns:
        Every breach, the reproduced side's first.
    """
    expected = set(declared)
    found = [*_check_side("reproduced", reproduced, returns), *_check_side("recorded", recorded, returns)]
    found += _check_record(recorded, {seed for _, _, seed in expected})
    for run in sorted({outcome.run for outcome in reproduced} - expected):
        problem = "the run is not declared by the manifest"
        found.append(Breach(rule="declared", where=_named(run), problem=problem, remedy="remove it", cell=run[:2]))
    for outcome in reproduced:
        found += _check_identity(outcome, config_digests or {})
    return tuple(found)


def check_pins(where: str, expected: Mapping[str, str], found: Mapping[str, str]) -> tuple[Breach, ...]:
    """Compare what a run was made from with what the manifest and lock pin.

    Args:
        where: The run.
        expected: Pinned value of each thing, such as ``checkpoint`` -> its digest.
        found: What the record says; a thing it does not mention is a breach, a thing nobody pinned is none.

    Returns:
        One breach for every difference, by name of the thing.
    """
    breaches = []
    for name in sorted(expected):
        if name not in found:
            problem = f"the record does not say which {name} was used, pinned is {expected[name]}"
        elif found[name] != expected[name]:
            problem = f"made with {name} {found[name]}, pinned is {expected[name]}"
        else:
            continue
        breaches.append(Breach(rule=name, where=where, problem=problem, remedy="repeat the run from the pinned inputs"))
    return tuple(breaches)


def broken_cells(breaches: Iterable[Breach]) -> dict[Cell, str]:
    """Return the cells whose values judge nothing, each with its first breach in words."""
    broken: dict[Cell, str] = {}
    for breach in breaches:
        if breach.cell is not None:
            broken.setdefault(breach.cell, f"{breach.where}: {breach.problem}")
    return broken


def _named(run: Run) -> str:
    config, task, seed = run
    return f"{config}/{task}/seed {seed}"


def _check_side(side: str, outcomes: Sequence[Outcome], returns: tuple[float, float] | None) -> list[Breach]:
    remedy = "repeat the run" if side == "reproduced" else "correct the record"
    found = []
    for run, count in sorted(Counter(outcome.run for outcome in outcomes).items()):
        if count > 1:
            problem = f"{count} {side} outcomes for one run"
            found.append(Breach(rule="once", where=_named(run), problem=problem, remedy="keep one", cell=run[:2]))
    for outcome in outcomes:
        where = _named(outcome.run)
        for name, value in _returns(outcome):
            if not math.isfinite(value):
                rule, problem = "finite", f"{side} {name} is {value}, expected a finite number"
            elif returns is not None and not returns[0] - _SLACK <= value <= returns[1] + _SLACK:
                rule, problem = "range", f"{side} {name} is {value:g}, expected {returns[0]:g} to {returns[1]:g}"
            else:
                continue
            # A second evaluation is judged nowhere, so it spoils no cell.
            cell = None if name.startswith("plan") else outcome.run[:2]
            found.append(Breach(rule=rule, where=where, problem=problem, remedy=remedy, cell=cell))
        for problem in _not_their_mean(side, outcome):
            found.append(Breach(rule="mean", where=where, problem=problem, remedy=remedy, cell=outcome.run[:2]))
    return found


def _not_their_mean(side: str, outcome: Outcome) -> list[str]:
    """Rewards that are not the mean of the episodes they are said to be the mean of."""
    problems = []
    for name, value, episodes in (
        ("reward", outcome.reward, outcome.episode_returns),
        ("plan reward", outcome.plan_reward, outcome.plan_episode_returns),
    ):
        if value is None or not episodes or not all(map(is_measurable, (value, *episodes))):
            continue
        mean = math.fsum(episodes) / len(episodes)
        if not math.isclose(value, mean, rel_tol=1e-9, abs_tol=_ROUNDING):
            problems.append(f"{side} {name} is {value:g}, the mean of its {len(episodes)} episodes is {mean:g}")
    return problems


def _check_record(recorded: Sequence[Outcome], own: set[int]) -> list[Breach]:
    """Rows of a record that are there in part: digests for some runs only, further seeds in some cells only."""
    found = []
    bare = [outcome for outcome in recorded if not outcome.digests]
    if len(bare) < len(recorded):
        for outcome in bare:
            problem = f"the record has digests for {len(recorded) - len(bare)} of {len(recorded)} runs, not for this"
            remedy = "record the phase again"
            found.append(Breach(rule="digests", where=_named(outcome.run), problem=problem, remedy=remedy))
    cells = {outcome.run[:2] for outcome in recorded}
    runs = {outcome.run for outcome in recorded}
    # In a log, which has values only, a cell may lack a declared seed; what a machine recorded may not.
    seeds = {outcome.seed for outcome in recorded}
    for seed in sorted(seeds - own if len(bare) == len(recorded) else seeds):
        for cell in sorted(cell for cell in cells if (*cell, seed) not in runs):
            problem = f"the record lacks this run, and has seed {seed} in other cells"
            where, remedy = _named((*cell, seed)), "record the phase again with all of its runs"
            found.append(Breach(rule="extension", where=where, problem=problem, remedy=remedy, cell=cell))
    return found


def _returns(outcome: Outcome) -> list[tuple[str, float]]:
    found = [("reward", outcome.reward)]
    if outcome.plan_reward is not None:
        found.append(("plan reward", outcome.plan_reward))
    found += [(f"episode return {index}", value) for index, value in enumerate(outcome.episode_returns)]
    found += [(f"plan episode return {index}", value) for index, value in enumerate(outcome.plan_episode_returns)]
    return found


def _check_identity(outcome: Outcome, digests: Mapping[str, str]) -> list[Breach]:
    expected = digests.get(outcome.config)
    if expected is None or outcome.config_digest == expected:
        return []
    owner = next((config for config, digest in digests.items() if digest == outcome.config_digest), None)
    if owner is not None:
        problem = f"labelled {outcome.config} but made with the configuration of {owner}: the labels are swapped"
    else:
        problem = f"made with configuration {outcome.config_digest or 'unknown'}, pinned is {expected}"
    return [
        Breach(
            rule="identity",
            where=_named(outcome.run),
            problem=problem,
            remedy="repeat the run with the pinned configuration",
            cell=outcome.run[:2],
        )
    ]
