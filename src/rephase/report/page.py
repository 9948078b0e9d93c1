"""The report as one HTML file that opens from disk: no script, no network, every number from the report's own JSON."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence

from rephase.report.content import Fact, Report
from rephase.report.figures import (
    cells_figure,
    curves_figure,
    left_out,
    loss_names,
    losses_figure,
    noise_figure,
    series_names,
)
from rephase.report.style import STYLE
from rephase.report.words import claim_words, moments, number, percent_words
from rephase.reproduction.phases import returns_of

__all__ = ["html_page"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def html_page(report: Report) -> str:
    """Return the page.

    Args:
        report: What to say.

    Raises:
        CannotRunHere: matplotlib is not installed.
    """
    sections = [
        ("verdict", "Verdict", _verdict(report)),
        ("missing", "What is missing", _missing(report)),
        ("cells", "Recorded against reproduced", _cells(report)),
        ("methods", "Methods over all tasks", _methods(report)),
        ("claims", "Claims, judged apart", _claims(report)),
        ("ablation", "Which defect is responsible", _ablation(report)),
        ("curves", "Learning curves", _curves(report)),
        ("noise", "Evaluation noise", _noise(report)),
        ("runs", "Every run", _runs(report)),
        *_of_plugins(report),
        ("audit", "Audit of the recorded outcomes", _audit(report)),
        ("integrity", "Integrity", _integrity(report)),
        ("provenance", "Provenance", _provenance(report)),
        ("rerun", "How to run it again", _rerun(report)),
    ]
    kept = [(anchor, title, body) for anchor, title, body in sections if body]
    links = "".join(f'<a href="#{anchor}">{_text(title)}</a>' for anchor, title, _ in kept)
    bodies = "".join(
        f'<section id="{anchor}"><h2>{_text(title)}</h2>{body}</section>\n' for anchor, title, body in kept
    )
    data = json.dumps(report.to_json(), sort_keys=True, allow_nan=False).replace("<", "\\u003c")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<link rel="icon" href="data:,">
<title>{_text(report.headline)}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<p class="quiet">rephase report: {_text(report.phase.manifest.title)}</p>
<p class="quiet">{_text(report.phase.manifest.question)}</p>
<h1>{_text(report.answer)}</h1>
<p>{_text(report.headline)}</p>
<p class="quiet">{_text(report.about)}</p>
<nav aria-label="sections">{links}</nav>
</header>
<main>
{bodies}</main>
<script type="application/json" id="rephase-report">{data}</script>
</body>
</html>
"""


def _text(text: object) -> str:
    return html.escape(str(text), quote=True)


def _class(word: object) -> str:
    return _text(word).replace(" ", "-")


def _word(word: object) -> str:
    return f'<span class="word {_class(word)}">{_text(word)}</span>'


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], kinds: str = "") -> str:
    """A table of ready markup; `kinds` has a letter a column: n number, w words, d digest, blank a name."""
    css = {"n": ' class="n"', "w": ' class="words"', "d": ' class="digest"', " ": ' class="name"', "-": ""}
    marks = [css[kind] for kind in kinds.ljust(len(columns))]
    cards = ' class="cards"' if set(kinds) & {"w", "d"} else ""  # on a phone words stand below each other
    head = "".join(
        f'<th scope="col"{mark if kind in "n " else ""}>{_text(column)}</th>'
        for column, mark, kind in zip(columns, marks, kinds.ljust(len(columns)), strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td{mark} data-label="{_text(column)}"><span>{cell}</span></td>'
            for column, cell, mark in zip(columns, row, marks, strict=True)
        )
        + "</tr>\n"
        for row in rows
    )
    return f'<div class="wide"><table{cards}><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>'


def _verdict(report: Report) -> str:
    verdict = report.verdict
    extra = ""
    if verdict.extension is not None:
        seeds = ", ".join(map(str, verdict.extension.seeds))
        extra = f"<p>The declared remedy: {len(verdict.extension.runs)} more runs with seeds {seeds}, then final.</p>"
    rules = verdict.rules
    return (
        f'<div class="verdict {_class(verdict.decision)}"><p><strong>{_word(verdict.decision)}</strong> '
        f"{_text(verdict.reason)}</p>{extra}</div>"
        f'<p class="quiet">Judged against: {_text(verdict.source)}. Fixed beforehand: k = {rules.k_small:g} '
        f"and {rules.k_large:g} (from nine seeds on both sides), alpha = {rules.alpha:g}, "
        f"spread alpha = {rules.spread_alpha:g}, floor = {rules.floor:g} points, because "
        f"{_text(rules.because)}.</p>"
    )


def _missing(report: Report) -> str:
    if not report.missing:
        return ""
    rows = [[_text(one.run.label), _text(one.state), _text(one.reason or "-")] for one in report.missing]
    intro = "<p>These declared runs have no readable record, so whatever stands below is provisional.</p>"
    return intro + _table(["Run", "State", "Reason"], rows, "  w")


def _legend(report: Report) -> str:
    items = "".join(
        f'<span class="{css}"><span class="key full"></span></span> {_text(name)} &ensp; '
        for name, css in series_names(report)
    )
    return (
        f'<p class="quiet">{items}<br><span class="key"></span> recorded seed &ensp; <span class="key full"></span> '
        'reproduced seed &ensp; tick: mean &ensp; <span class="bar"></span> reproduced means that pass by spread'
        f"{left_out(report)}</p>"
    )


def _figures(drawings: Sequence[str]) -> str:
    return '<div class="figures">' + "".join(f"<figure>{one}</figure>" for one in drawings if one) + "</div>"


def _cells(report: Report) -> str:
    rows = [
        [
            _text(report.names.get(cell.config, cell.config)),
            _text(cell.task),
            moments(cell.recorded_mean, cell.recorded_sd, len(cell.recorded)),
            moments(cell.reproduced_mean, cell.reproduced_sd, len(cell.reproduced)),
            number(cell.difference, "+.2f"),
            number(cell.upper, ".1f"),
            number(cell.margin, ".1f"),
            number(cell.noise, ".1f"),
            _word(cell.decision),
            _text(f"{cell.reason}; {cell.untrained}" if cell.untrained else cell.reason),
        ]
        for cell in report.verdict.cells
    ]
    columns = [
        "Config",
        "Task",
        "Recorded",
        "Reproduced",
        "Shift",
        "Open up to",
        "Margin",
        "By episodes",
        "Verdict",
        "What it says",
    ]
    drawings = [cells_figure(report, task) for task in report.phase.manifest.tasks]
    return (
        _legend(report)
        + _figures(drawings)
        + _table(columns, rows, "  nnnnnn w")
        + '<p class="quiet">Mean ± SD between seeds (divided by n - 1), in points of return ({:g} to {:g}). '.format(
            *returns_of(report.phase)
        )
        + "<em>By episodes</em> is the SD that the episodes of a run would give by themselves: seeds that spread less "
        "than that agree by luck.</p>"
    )


def _methods(report: Report) -> str:
    rows = [
        [
            _text(report.names.get(one.config, one.config)),
            number(one.difference, "+.2f"),
            number(one.p, ".3g"),
            number(one.level, ".3g"),
            _word(one.decision),
            _text(one.reason),
        ]
        for one in report.verdict.aggregates
    ]
    return _table(["Config", "Mean shift", "p", "Level", "Verdict", "What it says"], rows, " nnn w") if rows else ""


def _claims(report: Report) -> str:
    rows = [
        [
            _text(claim_words(one, report.names)),
            _word(one.status),
            number(one.gap, "+.1f"),
            number(one.p_holm, ".3g"),
            _text(percent_words(one, report.names)),
            _text(one.reason),
        ]
        for one in report.verdict.claims
    ]
    if not rows:
        return ""
    columns = ["Claim", "Status", "Gap", "p (Holm)", "In percent", "Why"]
    note = "<p>Which method is better is no part of the verdict. Tests are Welch's, on the reproduced seeds.</p>"
    return note + _table(columns, rows, "w nnww")


def _ablation(report: Report) -> str:
    if report.ablation is None:
        return ""
    rows = [
        [
            _text(report.names.get(one.config, one.config)),
            _text(one.defect or "-"),
            _text(one.starts_from),
            ", ".join(number(promise, ".1f") for promise in one.promises) or "-",
            ", ".join(number(reward, ".1f") for reward in one.rewards) or "-",
            {True: "nothing", False: "something", None: "open"}[one.collapsed],
        ]
        for one in report.ablation.switches
    ]
    note = (
        "<p>Each known defect switched alone. The promise is the return a run's own world model predicts for the "
        "episodes its policy then played.</p>"
    )
    columns = ["Config", "Switched", "Starting from", "Promise", "Return", "The models promise"]
    return f"<p><strong>{_text(report.ablation.sentence)}</strong></p>{note}" + _table(columns, rows, "   nn")


def _curves(report: Report) -> str:
    drawings = [curves_figure(report, task) for task in report.phase.manifest.tasks]
    losses = [losses_figure(report, name) for name in loss_names(report)]
    parts = []
    if any(drawings):
        note = '<p class="quiet">One line for each seed: mean return of every evaluation during training.</p>'
        parts.append(_figures(drawings) + note)
    if any(losses):
        parts.append(_figures(losses) + '<p class="quiet">Losses as trained, one line for each run.</p>')
    return "".join(parts)


def _noise(report: Report) -> str:
    drawing = noise_figure(report)
    if not drawing:
        return ""
    note = (
        "<p>The second evaluation of a run, which the log calls plan reward, is the same policy evaluated again: "
        "how far the two lie apart is what one evaluation is off by chance.</p>"
    )
    return note + _figures([drawing])


def _runs(report: Report) -> str:
    rows = [
        [
            _text(report.names.get(record.config, record.config)),
            _text(record.task),
            str(record.seed),
            number(record.reward),
            number(record.plan_reward),
            str(len(record.episode_returns)),
            f"{record.epochs:,}",
            f"{record.attempt}{', resumed' if record.resumed else ''}",
        ]
        for record in report.records
    ]
    columns = ["Config", "Task", "Seed", "Reward", "Plan Reward", "Episodes", "Epochs", "Attempt"]
    return _table(columns, rows, "  nnnnn") if rows else ""


def _audit(report: Report) -> str:
    needs = [finding for finding in report.findings if finding.needs_attention]
    rows = [
        [
            _word(one.standing),
            _text(one.check),
            _text(one.where),
            _text(one.logged),
            _text(one.recomputed),
            _text(one.why),
        ]
        for one in needs
    ]
    count = f"<p>{len(report.findings)} statements recomputed, {len(needs)} need attention.</p>"
    columns = ["Standing", "Check", "Where", "Recorded", "Recomputed", "Why it matters"]
    return count + (_table(columns, rows, "  --ww") if rows else "")


def _of_plugins(report: Report) -> list[tuple[str, str, str]]:
    """Anchor, title and body of every section of a plugin; all of it is text."""
    found = []
    for name, section in report.plugins.sections:
        body = "".join(f"<p>{_text(paragraph)}</p>" for paragraph in section.paragraphs)
        if section.columns:
            body += _table(section.columns, [[_text(cell) for cell in row] for row in section.rows])
        found.append((f"plugin-{name}", section.title, body or '<p class="quiet">nothing</p>'))
    return found


def _integrity(report: Report) -> str:
    breaches, notes = report.verdict.breaches, (*report.verdict.notes, *report.plugins.notes)
    parts = []
    if breaches:
        parts.append("<ul>" + "".join(f"<li>{_text(breach)}</li>" for breach in breaches) + "</ul>")
    else:
        parts.append("<p>Every declared run is there once and is what the manifest and lock pin.</p>")
    if notes:
        parts.append("<ul>" + "".join(f"<li>Note: {_text(note)}</li>" for note in notes) + "</ul>")
    return "".join([*parts, _replay(report)])


def _replay(report: Report) -> str:
    """Whether the bits are the recorded ones and, where they are not, what may be the reason."""
    replay, origins = report.verdict.replay, report.verdict.origins
    parts = []
    if replay is None:
        parts.append('<p class="quiet">No rolling digests were compared.</p>')
    elif replay.is_exact:
        parts.append(f"<p>All {replay.compared} digests and all returns are equal, to the bit.</p>")
    else:
        items = "".join(
            f"<li>{_text(one.run)}: first at step {one.step}, {_text(one.quantity)}: {_text(one.problem)}</li>"
            for one in replay.divergences
        )
        count = f"{len(replay.divergences)} runs are not bit-identical to the recorded ones"
        parts.append(f"<details><summary>{count}: where each first differs</summary><ul>{items}</ul></details>")
        if not origins:
            parts.append("<p>Neither side names a machine or version that the other has not.</p>")
    if origins:
        rows = [[_text(one.name), _text(one.recorded), _text(one.reproduced)] for one in origins]
        parts.append("<p>Made with other machines or versions, which is why bits may differ:</p>")
        parts.append(_table(["What", "Recorded with", "Here"], rows, " ww"))
    return "".join(parts)


def _provenance(report: Report) -> str:
    folded = [fact for fact in report.facts if _is_digest(fact.values[0][0])]
    shown = [fact for fact in report.facts if fact not in folded]
    digest = f'<p>Manifest <code class="digest">{_text(report.phase.digest)}</code></p>'
    columns = ["What", "As recorded"]
    parts = [_table(columns, _facts(report, shown), " d")] if shown else []
    table = _table(columns, _facts(report, folded), " d") if folded else ""
    parts.append(f"<details><summary>Digests</summary>{digest}{table}</details>")
    return "".join(parts)


def _is_digest(value: str) -> bool:
    return re.search(r"[0-9a-f]{32}", value) is not None


def _facts(report: Report, facts: Sequence[Fact]) -> list[list[str]]:
    total = len(report.records)
    return [
        [
            _text(fact.name),
            "<br>".join(
                _text(value) + (f' <span class="quiet">({count} of {total} runs)</span>' if count < total else "")
                for value, count in fact.values[:6]
            )
            + (f"<br>and {len(fact.values) - 6} more" if len(fact.values) > 6 else ""),
        ]
        for fact in facts
    ]


def _rerun(report: Report) -> str:
    commands = _text("\n".join(report.rerun))
    session = _text(f"nox -s reproduce-{report.phase.manifest.phase} -- --scale {report.phase.manifest.scale}")
    note = f"In a clone of the project, <code>{session}</code> does all of it in an environment of its own."
    return f"<pre>{commands}</pre><p>{note}</p>"
