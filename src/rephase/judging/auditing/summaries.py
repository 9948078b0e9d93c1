"""Auditing what a source made of its own figures: means, spreads, winners and percentages."""

from __future__ import annotations

from collections.abc import Sequence

from rephase.judging.auditing.findings import Finding, Standing
from rephase.judging.auditing.rounding import Candidate, candidates, decimals_of, half_unit, matches
from rephase.judging.samples import is_measurable, sample
from rephase.manifest.outcomes import RecordedOutcomes, SummaryRow

__all__ = ["audit_means", "audit_spreads", "audit_winners", "values_of"]


def values_of(recorded: RecordedOutcomes, source: str, config: str, task: str) -> list[float]:
    """Return the finite rewards of one cell in one source, in the file's order."""
    return [
        outcome.reward
        for outcome in recorded.outcomes
        if (recorded.source_of(outcome), outcome.config, outcome.task) == (source, config, task)
        and is_measurable(outcome.reward)
    ]


def audit_means(recorded: RecordedOutcomes) -> list[Finding]:
    """Recompute every stated mean."""
    findings = []
    for row in recorded.summary:
        values = _values(recorded, row)
        if not values:
            findings.append(_without_values(recorded, row))
            continue
        mean = sample(values).mean
        decimals = max(decimals_of(row.mean), max(map(decimals_of, values)))
        slack = half_unit(max(map(decimals_of, values)))
        exact = abs(row.mean - mean) <= half_unit(decimals) + 1e-9
        within = matches(row.mean, decimals, Candidate("mean", mean, slack))
        if exact:
            standing, remark = Standing.AGREES, ""
        elif within:
            standing, remark = Standing.NOTE, ", which only the rounding of the single figures can explain"
        else:
            standing, remark = Standing.DIFFERS, ""
        findings.append(
            Finding(
                check="mean",
                where=_cell(recorded, row),
                logged=f"mean {row.mean:g}" if decimals < 2 else f"mean {row.mean:.2f}",
                recomputed=f"mean {mean:.{decimals + 1}f} of {len(values)} seeds{remark}",
                standing=standing,
                why="the mean is what a reproduction is compared with",
            )
        )
    return findings


def audit_spreads(recorded: RecordedOutcomes) -> list[Finding]:
    """Recompute every stated spread and ask which statistic it can be."""
    findings = []
    explained: list[set[str]] = []
    for row in recorded.summary:
        values = _values(recorded, row)
        if row.spread is None or len(values) < 2:
            continue
        found = candidates(values)
        names = {one.name for one in found if matches(row.spread, row.decimals, one)}
        explained.append(names)
        findings.append(_spread(recorded, row, found, names))
    if explained and not set.intersection(*explained):
        findings.append(_no_common(recorded, explained))
    return findings


def audit_winners(recorded: RecordedOutcomes) -> list[Finding]:
    """Recompute winners and percentages, and hold ties against them."""
    findings = []
    called: list[tuple[float, str]] = []
    ties: list[tuple[float, str, Finding]] = []
    for task, rows in _by_task(recorded).items():
        means = {row.config: sample(_values(recorded, row)).mean for row in rows if _values(recorded, row)}
        if len(means) < 2:
            continue
        ranked = sorted(means, key=lambda config: -means[config])
        best, second = ranked[0], ranked[1]
        lead = 100 * (means[best] - means[second]) / means[second] if means[second] > 0 else float("nan")
        where = f"{recorded.phase}, {task}"
        winner, percentage = rows[0].winner, rows[0].percentage
        if winner in means:
            findings.append(_winner(where, winner, best, means))
            if percentage is not None:
                findings.append(_percentage(where, winner, percentage, means))
            called.append((lead, where))
        elif winner == "tie":
            words = f"{best} leads {second} by {lead:.1f}% of {second}'s mean"
            ties.append((lead, where, _tie(where, words)))
    for lead, where, finding in ties:
        smaller = [other for other in called if lead >= other[0] - 0.5]
        findings.append(_tie_against(finding, lead, where, smaller) if smaller else finding)
    return findings


def _tie(where: str, words: str) -> Finding:
    return Finding(
        check="tie",
        where=where,
        logged="tie",
        recomputed=words,
        standing=Standing.NOTE,
        why="a tie says that no difference was shown, not that there is none",
    )


def _tie_against(finding: Finding, lead: float, where: str, wins: Sequence[tuple[float, str]]) -> Finding:
    other, at = wins[0]
    return Finding(
        check="tie",
        where=where,
        logged=f"tie, while {at} is called a win",
        recomputed=f"{finding.recomputed}; the win is one of {other:.1f}%",
        standing=Standing.INCONSISTENT,
        why="the same relative lead is a win on one task and a tie on another, so the rule behind it is not the lead",
    )


def _winner(where: str, winner: str, best: str, means: dict[str, float]) -> Finding:
    ranking = ", ".join(f"{config} {means[config]:.2f}" for config in sorted(means, key=lambda c: -means[c]))
    return Finding(
        check="winner",
        where=where,
        logged=f"winner {winner}",
        recomputed=f"highest mean {best} ({ranking})",
        standing=Standing.AGREES if winner == best else Standing.DIFFERS,
        why="only the order of the means; whether it is more than chance is a claim, audited apart",
    )


def _percentage(where: str, winner: str, stated: float, means: dict[str, float]) -> Finding:
    parts = []
    fits = []
    for other in sorted(set(means) - {winner}):
        gap = means[winner] - means[other]
        for config in (other, winner):
            if means[config] <= 0:
                continue
            percent = 100 * gap / means[config]
            parts.append(f"{percent:.1f}% of {config}'s mean")
            if abs(percent - stated) <= half_unit(decimals_of(stated)) + 1e-9:
                fits.append(config)
    fitting = f"; the stated one is of {' or '.join(fits)}'s mean" if fits else ""
    return Finding(
        check="percentage",
        where=where,
        logged=f"{stated:+g}%, denominator not named",
        recomputed=f"{' or '.join(parts)}{fitting}",
        standing=Standing.AGREES if fits else Standing.DIFFERS,
        why="a percentage without its denominator is two different numbers",
    )


def _spread(recorded: RecordedOutcomes, row: SummaryRow, found: Sequence[Candidate], names: set[str]) -> Finding:
    figures = ", ".join(f"{one.name} {one.value:.2f}" for one in found[:3])
    if "sample SD" in names:
        others = sorted(names - {"sample SD"})
        standing = Standing.AGREES
        verdict = "the sample SD, rounded" + (f" (or {' or '.join(others)})" if others else "")
    elif names:
        standing, verdict = Standing.DIFFERS, f"not the sample SD; it could be the {' or the '.join(sorted(names))}"
    else:
        standing, verdict = Standing.DIFFERS, "none of them"
    return Finding(
        check="spread",
        where=_cell(recorded, row),
        logged=f"± {row.spread:.{row.decimals}f}",
        recomputed=f"{figures}: {verdict}",
        standing=standing,
        why="the spread decides what counts as a deviation, so it must be a known statistic of the figures beside it",
    )


def _no_common(recorded: RecordedOutcomes, explained: Sequence[set[str]]) -> Finding:
    counts = {name: sum(name in names for names in explained) for name in ("sample SD", "population SD", "half-range")}
    parts = ", ".join(f"{name} explains {count}" for name, count in counts.items())
    return Finding(
        check="spread",
        where=f"{recorded.phase}, all cells",
        logged=f"{len(explained)} spreads, as if of one kind",
        recomputed=f"{parts} of {len(explained)}; {sum(not names for names in explained)} match none of them",
        standing=Standing.INCONSISTENT,
        why="no single statistic gives all stated spreads, so they cannot be used as tolerances",
    )


def _without_values(recorded: RecordedOutcomes, row: SummaryRow) -> Finding:
    return Finding(
        check="mean",
        where=_cell(recorded, row),
        logged=f"mean {row.mean:g}",
        recomputed="no outcome of this cell is recorded",
        standing=Standing.MISSING,
        why="a mean without its seeds cannot be checked or compared with",
    )


def _values(recorded: RecordedOutcomes, row: SummaryRow) -> list[float]:
    return values_of(recorded, recorded.source_of(row), row.config, row.task)


def _by_task(recorded: RecordedOutcomes) -> dict[str, list[SummaryRow]]:
    tasks: dict[str, list[SummaryRow]] = {}
    for row in recorded.summary:
        tasks.setdefault(row.task, []).append(row)
    return tasks


def _cell(recorded: RecordedOutcomes, row: SummaryRow) -> str:
    return f"{recorded.phase}, {row.config} on {row.task}"
