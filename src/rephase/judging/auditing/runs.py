"""Auditing which runs there are: missing and doubled ones, job indices, hardware, equal outcomes, other sources."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rephase.judging.auditing.findings import Finding, Standing
from rephase.judging.integrity import check_outcomes
from rephase.manifest.outcomes import Outcome, RecordedOutcomes

__all__ = [
    "audit_completeness",
    "audit_hardware",
    "audit_indices",
    "audit_ranges",
    "audit_submissions",
]

_JOB = re.compile(r"(\d+)_(\d+)")
_ORDERS = (
    ("task", "seed"),
    ("seed", "task"),
    *itertools.permutations(("config", "task", "seed")),
    ("config", "seed"),
    ("config", "task"),
    ("seed", "config"),
    ("task", "config"),
)
"""Axes an array may run over, in the order in which they are preferred where several explain as many jobs."""


def _of(recorded: RecordedOutcomes, source: str) -> list[Outcome]:
    return [outcome for outcome in recorded.outcomes if recorded.source_of(outcome) == source]


def audit_completeness(recorded: RecordedOutcomes) -> list[Finding]:
    """Compare the runs of every source with the grid of all configurations, tasks and seeds in the file."""
    axes = _axes(recorded)
    grid = set(itertools.product(axes["config"], axes["task"], axes["seed"]))
    findings = []
    for source in recorded.sources:
        counts = Counter(outcome.run for outcome in _of(recorded, source))
        where = f"{recorded.phase}, {source}"
        missing = sorted(grid - set(counts))
        named = ", ".join(f"{config}/{task}/{seed}" for config, task, seed in missing[:4])
        more = f" and {len(missing) - 4} more" if len(missing) > 4 else ""
        findings.append(
            Finding(
                check="runs",
                where=where,
                logged=f"{len(counts)} runs",
                recomputed=f"{len(grid)} in the grid; missing {named}{more}" if missing else f"{len(grid)} in the grid",
                standing=Standing.MISSING if missing else Standing.AGREES,
                why="means over different seeds are not comparable",
            )
        )
        for (config, task, seed), count in sorted(counts.items()):
            if count > 1:
                rewards = [f"{o.reward:g}" for o in _of(recorded, source) if o.run == (config, task, seed)]
                findings.append(
                    Finding(
                        check="runs",
                        where=f"{where}, {config}/{task}/{seed}",
                        logged=f"{count} outcomes: {', '.join(rewards)}",
                        recomputed="one run has one outcome",
                        standing=Standing.INCONSISTENT,
                        why="counting a run twice makes its seed weigh twice and the spread too small",
                    )
                )
    return findings


def audit_indices(recorded: RecordedOutcomes) -> list[Finding]:
    """Compare the index in every job's name with the position of its run in the array.

    Where no order of the axes is recorded, the one that explains most jobs is taken: an array over tasks and seeds, or
    over configurations too, in any order.
    """
    axes = _axes(recorded)
    declared = tuple(recorded.provenance.get("index_map", {}).get("order", ()))
    jobs = [(outcome, int(match[2])) for outcome in recorded.outcomes if (match := _JOB.fullmatch(outcome.job))]
    if not jobs or not set(declared) <= {"config", "task", "seed"}:
        return []
    orders = [declared] if declared else _ORDERS
    order = max(orders, key=lambda one: sum(_index(outcome, one, axes) == index for outcome, index in jobs))
    wrong = [(outcome, index) for outcome, index in jobs if _index(outcome, order, axes) != index]
    summary = Finding(
        check="index",
        where=f"{recorded.phase}, {len(jobs)} jobs",
        logged="index of every job",
        recomputed=f"{len(jobs) - len(wrong)} of {len(jobs)} agree with the order {' x '.join(order)}",
        standing=Standing.INCONSISTENT if wrong else Standing.AGREES,
        why="the index is what says which run a job was",
    )
    return [summary, *(_misplaced(recorded.phase, outcome, order, axes) for outcome, _ in wrong)]


def _index(outcome: Outcome, order: Sequence[str], axes: Mapping[str, Sequence[Any]]) -> int:
    """Position of a run in an array over some axes, the last of them running fastest."""
    position = 0
    for axis in order:
        position = position * len(axes[axis]) + list(axes[axis]).index(getattr(outcome, axis))
    return position


def _misplaced(phase: str, outcome: Outcome, order: Sequence[str], axes: Mapping[str, Sequence[Any]]) -> Finding:
    return Finding(
        check="index",
        where=f"{phase}, {outcome.config}/{outcome.task}/{outcome.seed}",
        logged=f"job {outcome.job}",
        recomputed=f"index {_index(outcome, order, axes)} by the order {' x '.join(order)}",
        standing=Standing.INCONSISTENT,
        why="an outcome filed under another run's index may be another run's outcome",
    )


def audit_hardware(recorded: RecordedOutcomes) -> list[Finding]:
    """Ask whether methods can be told from the hardware they ran on."""
    findings = []
    for source in recorded.sources:
        used: dict[str, set[str]] = {}
        for outcome in _of(recorded, source):
            if outcome.hardware:
                used.setdefault(outcome.config, set()).add(outcome.hardware)
        if len(used) < 2:
            continue
        words = "; ".join(f"{config} on {', '.join(sorted(kinds))}" for config, kinds in sorted(used.items()))
        apart = all(not a & b for a, b in itertools.combinations(used.values(), 2))
        findings.append(
            Finding(
                check="hardware",
                where=f"{recorded.phase}, {source}",
                logged=words,
                recomputed="no method shares hardware with another" if apart else "methods share hardware",
                standing=Standing.CONFOUNDED if apart else Standing.AGREES,
                why="a difference between methods that ran on different hardware may be the hardware's",
            )
        )
    return findings


def audit_submissions(recorded: RecordedOutcomes) -> list[Finding]:
    """Say where one method's outcomes come from more than one submission."""
    findings = []
    for config in sorted({outcome.config for outcome in recorded.outcomes}):
        jobs: dict[str, list[str]] = {}
        for outcome in recorded.outcomes:
            match = _JOB.fullmatch(outcome.job)
            if match and outcome.config == config:
                jobs.setdefault(match[1], []).append(match[2])
        if len(jobs) < 2:
            continue
        words = "; ".join(f"{job}: indices {', '.join(indices)}" for job, indices in sorted(jobs.items()))
        findings.append(
            Finding(
                check="submission",
                where=f"{recorded.phase}, {config}",
                logged=words,
                recomputed=f"{len(jobs)} submissions make up one method",
                standing=Standing.NOTE,
                why="runs that were submitted again may have met other code or hardware, and why they were is not said",
            )
        )
    return findings


def audit_ranges(recorded: RecordedOutcomes) -> list[Finding]:
    """Find figures no task can return: not finite, below 0 or above 1000."""
    breaches = check_outcomes(recorded.outcomes, (), ())
    return [
        Finding(
            check="range",
            where=f"{recorded.phase}, {breach.where}",
            logged=breach.problem.partition(", expected ")[0],
            recomputed=f"expected {breach.problem.partition(', expected ')[2]}",
            standing=Standing.INCONSISTENT,
            why="the suite's tasks return between 0 and 1000 in an episode",
        )
        for breach in breaches
        if breach.rule in ("finite", "range")
    ]


def _axes(recorded: RecordedOutcomes) -> dict[str, Sequence[Any]]:
    """Configurations, tasks and seeds in the order of the index map, or else of the file's rows."""
    declared: Mapping[str, Any] = recorded.provenance.get("index_map", {})
    seen = {
        axis: list(dict.fromkeys(getattr(outcome, axis) for outcome in recorded.outcomes))
        for axis in ("config", "task", "seed")
    }
    known = {axis: list(declared.get(f"{axis}s", ())) for axis in seen}
    return {axis: known[axis] + [value for value in seen[axis] if value not in known[axis]] for axis in seen}
