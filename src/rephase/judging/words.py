"""A phase's verdict as text for people: one line a cell, a summary, then only what needs attention in full."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rephase.judging.claims import ClaimVerdict
from rephase.judging.decisions import Decision
from rephase.judging.phase import PhaseVerdict

__all__ = ["verdict_text"]

_SHOWN = 3


def verdict_text(verdict: PhaseVerdict) -> str:
    """Return the verdict in words, without a final line break; everything in it is in `PhaseVerdict.to_json` too."""
    blocks = [_cells(verdict), _aggregates(verdict), _claims(verdict.claims)]
    blocks.append("\n".join(f"note: {note}" for note in verdict.notes))
    blocks.append("\n".join(f"breach: {breach}" for breach in verdict.breaches))
    blocks.append(_replay(verdict))
    blocks.append("\n".join([_headline(verdict), *_remedy(verdict)]))
    return "\n\n".join(block for block in blocks if block)


def _headline(verdict: PhaseVerdict) -> str:
    return f"{verdict.decision}: {verdict.phase} at the {verdict.scale} scale: {verdict.reason}"


def _cells(verdict: PhaseVerdict) -> str:
    rows = [["Config", "Task", "Recorded", "Reproduced", "Shift", "|t|", "t*", "Verdict", ""]]
    for cell in verdict.cells:
        rows.append(
            [
                cell.config,
                cell.task,
                _moments(cell.recorded_mean, cell.recorded_sd, len(cell.recorded)),
                _moments(cell.reproduced_mean, cell.reproduced_sd, len(cell.reproduced)),
                _number(cell.difference, "+.2f"),
                _number(abs(cell.t), ".2f"),
                _number(cell.critical, ".2f"),
                str(cell.decision),
                cell.reason,
            ]
        )
    return _table(rows) if verdict.cells else ""


def _aggregates(verdict: PhaseVerdict) -> str:
    return _table([[one.config, "over all tasks", str(one.decision), one.reason] for one in verdict.aggregates])


def _claims(claims: Sequence[ClaimVerdict]) -> str:
    lines = []
    for verdict in claims:
        claim = verdict.claim
        lead = f" by {claim.percentage:g}%" if claim.percentage is not None else ""
        stated = "claim" if claim.stated else "recorded order"
        lines.append(f"{stated}: {claim.better} over {claim.worse}{lead} on {claim.task}: {verdict.status}")
        details = [verdict.reason]
        if verdict.reproduction is not None:
            test = verdict.reproduction
            details.append(f"gap {test.difference:+.1f} points, 95% interval {test.low:.1f} to {test.high:.1f}")
        if verdict.percent_of_worse is not None:
            details.append(f"{verdict.percent_of_worse:+.1f}% of {claim.worse}'s mean")
        if verdict.percent_of_better is not None:
            details.append(f"{verdict.percent_of_better:+.1f}% of {claim.better}'s mean")
        lines.append(f"  {'; '.join(details)}")
    return "\n".join(lines)


def _replay(verdict: PhaseVerdict) -> str:
    if verdict.replay is None:
        return ""
    if verdict.replay.is_exact:
        return f"replay: all {verdict.replay.compared} digests are equal"
    lines = [f"replay: not bit-identical ({verdict.replay.compared} digests compared)"]
    for one in verdict.replay.divergences[:_SHOWN]:
        lines.append(f"  {one.run}: first at step {one.step}, {one.quantity}: {one.problem}")
    more = len(verdict.replay.divergences) - _SHOWN
    if more > 0:
        lines.append(f"  and {more} more runs (--json has all)")
    return "\n".join(lines)


def _remedy(verdict: PhaseVerdict) -> list[str]:
    if verdict.decision is not Decision.INCONCLUSIVE:
        return []
    if verdict.extension is None:
        return ["this is final: every seed that was declared beforehand is in"]
    seeds = ", ".join(map(str, verdict.extension.seeds))
    return [f"the declared remedy: {len(verdict.extension.runs)} more runs with seeds {seeds}, after which it is final"]


def _moments(mean: float, sd: float, count: int) -> str:
    if count == 0 or math.isnan(mean):
        return f"- (n={count})"
    return f"{mean:.2f} ± {_number(sd, '.2f')} (n={count})"


def _number(value: float, form: str) -> str:
    if math.isnan(value):
        return "-"
    return format(value, form) if math.isfinite(value) else "inf"


def _table(rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
