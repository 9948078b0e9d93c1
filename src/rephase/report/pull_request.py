"""The report as Markdown for a pull request: the verdict, the cells, what needs attention. No pictures."""

from __future__ import annotations

from collections.abc import Sequence

from rephase.manifest.text import markdown_text
from rephase.report.content import Report
from rephase.report.words import claim_words, moments, number, percent_words

__all__ = ["markdown_page"]


def markdown_page(report: Report) -> str:
    """Return the report's Markdown, with a final line break.

    Args:
        report: What to say.
    """
    verdict = report.verdict
    blocks = [
        f"## {markdown_text(report.answer)}",
        markdown_text(report.headline),
        f"**{verdict.decision}**: {markdown_text(verdict.reason)}",
        f"{markdown_text(report.phase.manifest.title)}. {markdown_text(report.about)}",
    ]
    if verdict.extension is not None:
        seeds = ", ".join(map(str, verdict.extension.seeds))
        blocks.append(f"The declared remedy: {len(verdict.extension.runs)} more runs with seeds {seeds}, then final.")
    if report.missing:
        blocks.append("### What is missing")
        rows = [[one.run.label, one.state, one.reason or "-"] for one in report.missing]
        blocks.append(_table(["Run", "State", "Reason"], rows))
    blocks += ["### Recorded against reproduced", _cells(report)]
    if verdict.claims:
        rows = [
            [claim_words(one, report.names), str(one.status), number(one.gap, "+.1f"), percent_words(one, report.names)]
            for one in verdict.claims
        ]
        blocks += ["### Claims, judged apart", _table(["Claim", "Status", "Gap", "In percent"], rows)]
    if report.ablation is not None:
        blocks += ["### Which defect is responsible", markdown_text(report.ablation.sentence)]
    if verdict.breaches:
        blocks += ["### Integrity", "\n".join(f"- {markdown_text(str(breach))}" for breach in verdict.breaches)]
    if notes := (*verdict.notes, *report.plugins.notes):
        blocks.append("\n".join(f"- Note: {markdown_text(note)}" for note in notes))
    for _, section in report.plugins.sections:
        blocks += [f"### {markdown_text(section.title)}", *map(markdown_text, section.paragraphs)]
        blocks += [_table([markdown_text(one) for one in section.columns], section.rows)] if section.columns else []
    needs = [finding for finding in report.findings if finding.needs_attention]
    if needs:
        rows = [[str(one.standing), one.where, one.logged, one.recomputed] for one in needs]
        table = _table(["Standing", "Where", "Recorded", "Recomputed"], rows)
        summary = f"{len(report.findings)} statements recomputed, {len(needs)} need attention"
        blocks += [
            "### Audit of the recorded outcomes",
            f"<details><summary>{summary}</summary>\n\n{table}\n\n</details>",
        ]
    blocks += ["### How to run it again", "\n".join(["```", *report.rerun, "```"])]
    blocks.append(f"Manifest `{report.phase.digest}`; judged against: {markdown_text(verdict.source)}.")
    return "\n\n".join(blocks) + "\n"


def _cells(report: Report) -> str:
    rows = [
        [
            report.names.get(cell.config, cell.config),
            cell.task,
            moments(cell.recorded_mean, cell.recorded_sd, len(cell.recorded)),
            moments(cell.reproduced_mean, cell.reproduced_sd, len(cell.reproduced)),
            number(cell.difference, "+.2f"),
            str(cell.decision),
            cell.reason,
        ]
        for cell in report.verdict.cells
    ]
    return _table(["Config", "Task", "Recorded", "Reproduced", "Shift", "Verdict", "What it says"], rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *([markdown_text(str(cell)) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
