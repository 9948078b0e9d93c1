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
from rephase.manifest.outcomes import Outcome

__all__ = ["HIGHEST_RETURN", "Breach", "Run", "broken_cells", "check_outcomes", "check_pins"]

HIGHEST_RETURN = 1000.0
"""Highest return of the suite's tasks: 500 agent steps of at most 2; the lowest is 0."""

_SLACK = 1e-6

Run = tuple[str, str, int]
"""A configuration, a task and a seed."""


@frozen(kw_only=True)
class Breach:
    """One way in which what was run is not what was declared.

    Args:
        rule: What was to hold, in a word or two: ``complete``, ``declared``, ``once``, ``finite``, ``range``,
            ``identity``, or the name of a pin such as ``checkpoint``.
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


def check_outcomes(
    recorded: Sequence[Outcome],
    reproduced: Sequence[Outcome],
    declared: Iterable[Run],
    config_digests: Mapping[str, str] | None = None,
) -> tuple[Breach, ...]:
    """Compare outcomes with the declared runs.

    Args:
        recorded: Outcomes to judge against.
        reproduced: Outcomes that were measured.
        declared: Runs the manifest asks for, with those of a declared extension.
        config_digests: Digest of the resolved configuration of each method; methods not in it are not checked.

    Returns:
        Every breach, the reproduced side's first.
    """
    expected = set(declared)
    found = [*_check_side("reproduced", reproduced), *_check_side("recorded", recorded)]
    counts = Counter(outcome.run for outcome in reproduced)
    missing = sorted(expected - set(counts))
    if missing:
        problem = f"{len(expected) - len(missing)} of {len(expected)} runs are complete"
        remedy = f"run the others: {', '.join(map(_named, missing[:3]))}{' ...' if len(missing) > 3 else ''}"
        found.append(Breach(rule="complete", where="reproduced", problem=problem, remedy=remedy))
    for run in sorted(set(counts) - expected):
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


def _check_side(side: str, outcomes: Sequence[Outcome]) -> list[Breach]:
    found = []
    for run, count in sorted(Counter(outcome.run for outcome in outcomes).items()):
        if count > 1:
            problem = f"{count} {side} outcomes for one run"
            found.append(Breach(rule="once", where=_named(run), problem=problem, remedy="keep one", cell=run[:2]))
    for outcome in outcomes:
        for name, value in _returns(outcome):
            if not math.isfinite(value):
                rule, problem = "finite", f"{side} {name} is {value}, expected a finite number"
            elif not -_SLACK <= value <= HIGHEST_RETURN + _SLACK:
                rule, problem = "range", f"{side} {name} is {value:g}, expected 0 to {HIGHEST_RETURN:g}"
            else:
                continue
            remedy = "repeat the run" if side == "reproduced" else "correct the record"
            # A second evaluation is judged nowhere, so it spoils no cell.
            cell = None if name.startswith("plan") else outcome.run[:2]
            found.append(Breach(rule=rule, where=_named(outcome.run), problem=problem, remedy=remedy, cell=cell))
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
