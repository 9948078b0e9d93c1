"""A verdict on two tables as one HTML file that opens from disk: no script, no network, no figure library."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable

from rephase.judging import TablesVerdict
from rephase.report.style import STYLE
from rephase.report.words import number

__all__ = ["tables_page"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def tables_page(verdict: TablesVerdict) -> str:
    """Return the page.

    Args:
        verdict: What to say.
    """
    inner = verdict.verdict
    sections = [
        ("Recorded against rerun", _cells(verdict)),
        (
            "Methods over all tasks",
            _list(f"{one.config}: {one.decision}: {one.reason}" for one in inner.aggregates),
        ),
        (
            "Recorded order of methods, judged apart",
            _list(
                f"{one.claim.better} over {one.claim.worse} on {one.claim.task}: {one.status}: {one.reason}"
                for one in inner.claims
            ),
        ),
        ("Findings in the tables", _list(map(str, verdict.remarks))),
        ("Breaches", _list(map(str, inner.breaches))),
        ("Notes", _list(inner.notes)),
    ]
    bodies = "".join(f"<section><h2>{title}</h2>{body}</section>\n" for title, body in sections if body)
    data = json.dumps(verdict.to_json(), sort_keys=True, allow_nan=False).replace("<", "\\u003c")
    word = str(verdict.decision).partition(" ")[0]
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<link rel="icon" href="data:,">
<title>{_text(verdict.decision)}: {_text(inner.phase)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{_text(inner.phase)}</h1>
<div class="verdict {word}"><strong class="{word}">{_text(verdict.decision)}</strong> {_text(verdict.reason)}</div>
{bodies}<script type="application/json" id="data">{data}</script>
</body>
</html>
"""


def _cells(verdict: TablesVerdict) -> str:
    columns = ["Method", "Task", "Recorded", "Rerun", "Shift", "Open to", "Verdict", ""]
    rows = [
        [
            cell.config,
            cell.task,
            _moments(cell.recorded_mean, cell.recorded_sd, len(cell.recorded)),
            _moments(cell.reproduced_mean, cell.reproduced_sd, len(cell.reproduced)),
            number(cell.difference, "+.4g"),
            number(cell.upper, ".4g"),
            str(cell.decision),
            cell.reason,
        ]
        for cell in verdict.verdict.cells
    ]
    head = "".join(f"<th>{_text(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>' if rows else ""


def _moments(mean: float, sd: float, count: int) -> str:
    return f"{number(mean, '.6g')} ± {number(sd, '.4g')} (n={count})"


def _list(items: Iterable[str]) -> str:
    lines = "".join(f"<li>{_text(item)}</li>" for item in items)
    return f"<ul>{lines}</ul>" if lines else ""


def _text(value: object) -> str:
    return html.escape(str(value))
