"""Auditing outcomes against each other: equal ones that should differ, and different ones that should be equal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from rephase.judging.auditing.findings import Finding, Standing
from rephase.judging.auditing.rounding import decimals_of, half_unit
from rephase.manifest.outcomes import Outcome, RecordedOutcomes

__all__ = ["audit_duplicates", "audit_sources"]

_UNIT = 0.01
"""Outcomes this close in both evaluations count as equal: one unit of the log's last decimal."""

_Row = tuple[str, Outcome]


def audit_duplicates(files: Iterable[RecordedOutcomes]) -> list[Finding]:
    """Find outcomes that are equal, in both evaluations, across configurations, seeds or phases of one source."""
    by_seed: dict[tuple[str, str, str, int], list[_Row]] = {}
    by_task: dict[tuple[str, str], list[_Row]] = {}
    for recorded in files:
        for outcome in recorded.outcomes:
            row, source = (recorded.phase, outcome), recorded.source_of(outcome)
            by_seed.setdefault((recorded.phase, source, outcome.task, outcome.seed), []).append(row)
            by_task.setdefault((source, outcome.task), []).append(row)
    findings = [
        _same_seed(phase, source, task, seed, group)
        for (phase, source, task, seed), members in sorted(by_seed.items())
        for group in _groups(members)
    ]
    return findings + [
        _other_runs(source, task, group)
        for (source, task), members in sorted(by_task.items())
        for group in _groups(members)
        if len({(phase, outcome.seed) for phase, outcome in group}) > 1
    ]


def audit_sources(recorded: RecordedOutcomes) -> list[Finding]:
    """Compare what different sources say about the same run, and about how long runs were."""
    findings = []
    by_run: dict[tuple[str, str, int], dict[str, Outcome]] = {}
    for outcome in recorded.outcomes:
        by_run.setdefault(outcome.run, {}).setdefault(recorded.source_of(outcome), outcome)
    for (config, task, seed), stated in sorted(by_run.items()):
        if len(stated) > 1:
            findings.append(_between_sources(f"{recorded.phase}, {config}/{task}/{seed}", stated))
    epochs = recorded.provenance.get("epochs")
    if isinstance(epochs, Mapping) and len(epochs) > 1:
        same = len(set(epochs.values())) == 1
        findings.append(
            Finding(
                check="sources",
                where=f"{recorded.phase}, epochs",
                logged="; ".join(f"{source}: {count}" for source, count in sorted(epochs.items())),
                recomputed="the same" if same else "not the same experiment",
                standing=Standing.AGREES if same else Standing.INCONSISTENT,
                why="runs of another length are another experiment",
            )
        )
    return findings


def _groups(members: list[_Row]) -> list[list[_Row]]:
    """Groups of two or more rows that are equal to their group's first one."""
    groups: list[list[_Row]] = []
    near: dict[int, list[int]] = {}  # groups by their first reward, so that a row is held against those near it alone
    for row in members:
        units = row[1].reward / _UNIT
        place = math.floor(units) if math.isfinite(units) else 0
        close = sorted(at for other in range(place - 2, place + 3) for at in near.get(other, ()))
        at = next((at for at in close if _is_equal(groups[at][0][1], row[1])), None)
        if at is None:
            near.setdefault(place, []).append(len(groups))
            groups.append([row])
        else:
            groups[at].append(row)
    return [group for group in groups if len(group) > 1 and len({(phase, o.run) for phase, o in group}) > 1]


def _is_equal(first: Outcome, second: Outcome) -> bool:
    close = abs(first.reward - second.reward) <= _UNIT + 1e-9
    if first.plan_reward is None or second.plan_reward is None:
        return close and first.plan_reward is second.plan_reward
    return close and abs(first.plan_reward - second.plan_reward) <= _UNIT + 1e-9


def _same_seed(phase: str, source: str, task: str, seed: int, group: list[_Row]) -> Finding:
    return Finding(
        check="duplicate",
        where=f"{phase}, {task}, seed {seed}, {source}",
        logged="; ".join(f"{outcome.config}: {_pair(outcome)}" for _, outcome in sorted(group, key=_order)),
        recomputed=f"{len(group)} configurations agree to {_UNIT} in both evaluations",
        standing=Standing.SUSPECT,
        why="the outcome did not depend on what was varied, so these runs say nothing about the variation",
    )


def _other_runs(source: str, task: str, group: list[_Row]) -> Finding:
    return Finding(
        check="duplicate",
        where=f"{', '.join(sorted({phase for phase, _ in group}))}, {task}, {source}",
        logged="; ".join(
            f"{phase} {outcome.config} seed {outcome.seed}: {_pair(outcome)}"
            for phase, outcome in sorted(group, key=_order)
        ),
        recomputed=f"{len(group)} runs with different seeds or phases agree to {_UNIT} in both evaluations",
        standing=Standing.SUSPECT,
        why="separate runs rarely agree so closely: one may be a copy, or the return is at its floor",
    )


def _order(row: _Row) -> tuple[str, tuple[str, str, int]]:
    return row[0], row[1].run


def _between_sources(where: str, stated: dict[str, Outcome]) -> Finding:
    outcomes = list(stated.values())
    agree = all(_says_the_same(outcomes[0], other) for other in outcomes[1:])
    decimals = min(decimals_of(outcome.reward) for outcome in outcomes)
    return Finding(
        check="sources",
        where=where,
        logged="; ".join(f"{source}: {_pair(outcome)}" for source, outcome in sorted(stated.items())),
        recomputed=f"the same when rounded to {decimals} decimals" if agree else "not the same figures",
        standing=Standing.AGREES if agree else Standing.INCONSISTENT,
        why="two sources that report one run differently cannot both be its outcome",
    )


def _says_the_same(first: Outcome, second: Outcome) -> bool:
    pairs = [(first.reward, second.reward)]
    if first.plan_reward is not None and second.plan_reward is not None:
        pairs.append((first.plan_reward, second.plan_reward))
    return all(abs(a - b) <= half_unit(min(decimals_of(a), decimals_of(b), 2)) + 1e-9 for a, b in pairs)


def _pair(outcome: Outcome) -> str:
    return f"{outcome.reward:.2f}" + (f"/{outcome.plan_reward:.2f}" if outcome.plan_reward is not None else "")
