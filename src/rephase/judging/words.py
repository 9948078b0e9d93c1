"""A phase's verdict as text for people, in 80 columns: one line a cell, then only what needs attention in full."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence

from rephase.judging.cells import CellVerdict
from rephase.judging.claims import ClaimVerdict
from rephase.judging.decisions import Decision
from rephase.judging.phase import PhaseVerdict

__all__ = ["verdict_text"]

_COLUMNS = 80
_SHOWN = 3


def verdict_text(verdict: PhaseVerdict, names: Mapping[str, str] | None = None) -> str:
    """Return the verdict in words, without a final line break; everything in it is in `PhaseVerdict.to_json` too.

    Args:
        verdict: The verdict.
        names: What to call each configuration; its name where it is missing.
    """
    titles = dict(names or {})
    blocks = [
        _cells(verdict.cells, titles, verdict.rules.decimals),
        _attention(verdict.cells, titles),
        _aggregates(verdict, titles),
    ]
    blocks.append("\n".join(_claim(claim, titles, verdict.rules.decimals) for claim in verdict.claims))
    blocks.append("\n".join(_wrapped(f"note: {note}") for note in verdict.notes))
    blocks.append("\n".join(_wrapped(f"breach: {breach}") for breach in verdict.breaches))
    blocks.append(_replay(verdict))
    blocks.append("\n".join(map(_wrapped, [*_remedy(verdict), _headline(verdict)])))
    return "\n\n".join(block for block in blocks if block)


def _headline(verdict: PhaseVerdict) -> str:
    if not verdict.scale:  # two tables, which have none
        return f"{verdict.decision}: {verdict.phase}: {verdict.reason}"
    return f"{verdict.decision}: {verdict.phase} at the {verdict.scale} scale: {verdict.reason}"


def _cells(cells: Sequence[CellVerdict], names: Mapping[str, str], decimals: int) -> str:
    if not cells:
        return ""
    rows = [["", "recorded", "reproduced", "shift", "open to", "verdict"]]
    config = ""
    for cell in cells:
        if cell.config != config:
            config = cell.config
            rows.append([f"{names.get(config, config)} (n = {len(cell.recorded)}, {len(cell.reproduced)})"])
        rows.append(
            [
                f"  {cell.task}",
                _moments(cell.recorded_mean, cell.recorded_sd, decimals),
                _moments(cell.reproduced_mean, cell.reproduced_sd, decimals),
                _number(cell.difference, f"+.{decimals}f"),
                _number(cell.upper, f".{decimals}f"),
                str(cell.decision),
            ]
        )
    full = [row for row in rows if len(row) > 1]
    widths = [max(len(row[column]) for row in full) for column in range(len(full[0]))]
    return "\n".join(row[0] if len(row) == 1 else "  ".join(_aligned(row, widths)).rstrip() for row in rows)


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    last = len(row) - 1
    return [
        word.ljust(width) if column in (0, last) else word.rjust(width)
        for column, (word, width) in enumerate(zip(row, widths, strict=True))
    ]


def _attention(cells: Sequence[CellVerdict], names: Mapping[str, str]) -> str:
    """The reasons of cells that did not pass."""
    return "\n".join(
        _wrapped(f"{names.get(cell.config, cell.config)} on {cell.task}: {cell.decision}: {cell.reason}")
        for cell in cells
        if cell.decision is not Decision.PASS
    )


def _aggregates(verdict: PhaseVerdict, names: Mapping[str, str]) -> str:
    return "\n".join(
        _wrapped(f"{names.get(one.config, one.config)} over all tasks: {one.decision}: {one.reason}")
        for one in verdict.aggregates
    )


def _claim(verdict: ClaimVerdict, names: Mapping[str, str], decimals: int) -> str:
    claim = verdict.claim
    better, worse = names.get(claim.better, claim.better), names.get(claim.worse, claim.worse)
    lead = f" by {claim.percentage:g}%" if claim.percentage is not None else ""
    stated = "claim" if claim.stated else "recorded order"
    details = [verdict.reason]
    if verdict.reproduction is not None:
        test = verdict.reproduction
        gap, low, high = (f"{value:.{decimals}f}" for value in (test.difference, test.low, test.high))
        details.append(f"gap {'' if test.difference < 0 else '+'}{gap} points, 95% interval {low} to {high}")
    if verdict.percent_of_worse is not None:
        details.append(f"{verdict.percent_of_worse:+.1f}% of {worse}'s mean")
    if verdict.percent_of_better is not None:
        details.append(f"{verdict.percent_of_better:+.1f}% of {better}'s mean")
    head = f"{stated}: {better} over {worse}{lead} on {claim.task}: {verdict.status}"
    return "\n".join([_wrapped(head), textwrap.indent(_wrapped("; ".join(details), _COLUMNS - 2), "  ")])


def _replay(verdict: PhaseVerdict) -> str:
    replay = verdict.replay
    if replay is None:
        lines = [f"made differently: {origin}" for origin in verdict.origins]
        if verdict.cells:
            lines.insert(0, "replay: there are no digests on one of the sides, so values alone are judged")
        return "\n".join(map(_wrapped, lines))
    if replay.is_exact:
        return _wrapped(f"replay: all {replay.compared} digests and all returns are equal")
    lines = [f"replay: not bit-identical ({replay.compared} digests compared)"]
    for one in replay.divergences[:_SHOWN]:
        lines.append(_wrapped(f"  {one.run}: first at step {one.step}, {one.quantity}: {one.problem}"))
    more = len(replay.divergences) - _SHOWN
    if more > 0:
        lines.append(f"  and {more} more runs (--json has all)")
    if replay.uncovered:
        count = len(replay.uncovered)
        lines.append(f"  {count} runs have no digests on one of the sides, the first: {replay.uncovered[0]}")
    lines += [_wrapped(f"  possible cause: {origin}") for origin in verdict.origins]
    if replay.divergences and not verdict.origins:
        lines.append("  neither side names a machine or version that the other has not")
    return "\n".join(lines)


def _remedy(verdict: PhaseVerdict) -> list[str]:
    if verdict.decision is not Decision.INCONCLUSIVE:
        return []
    if not verdict.scale:
        return ["'rephase plan RECORDED' says how many seeds would settle it"]
    if verdict.extension is None:
        return ["this is final: every seed that was declared beforehand is in"]
    seeds = ", ".join(map(str, verdict.extension.seeds))
    return [f"the declared remedy: {len(verdict.extension.runs)} more runs with seeds {seeds}, after which it is final"]


def _wrapped(line: str, width: int = _COLUMNS) -> str:
    indent = len(line) - len(line.lstrip()) + 2
    return textwrap.fill(line, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def _moments(mean: float, sd: float, decimals: int) -> str:
    return "-" if math.isnan(mean) else f"{mean:.{decimals}f} ± {_number(sd, f'.{decimals}f')}"


def _number(value: float, form: str) -> str:
    if math.isnan(value):
        return "-"
    return format(value, form) if math.isfinite(value) else "inf"
