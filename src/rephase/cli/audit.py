"""``rephase audit [FILE...]``: recompute what recorded outcomes, or a log's tables, say about themselves."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rephase.cli.options import add_folders, project_of
from rephase.cli.rendering import emit

if TYPE_CHECKING:
    from rephase.judging.auditing import Finding, Log

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        type=Path,
        help="recorded outcomes (.json) or a log with Markdown tables (default: all logged outcomes of the project)",
    )
    parser.add_argument("--all", action="store_true", help="show what agrees, too")
    parser.add_argument("--strict", action="store_true", help="end with 1 when a finding needs attention")
    add_folders(parser)


def run(arguments: argparse.Namespace) -> int:
    """Audit the files.

    Returns:
        0; with ``--strict`` 1 when a finding needs attention.
    """
    from rephase.judging.auditing import audit, worst_first

    files = arguments.files or _logged(project_of(arguments))
    logs = [_read(path) for path in files]
    found = [finding for log in logs for finding in log.findings]
    findings = worst_first([*audit(*(recorded for log in logs for recorded in log.phases)), *found])
    needed = sum(finding.needs_attention for finding in findings)
    data = {
        "files": [str(path) for path in files],
        "findings": [finding.to_json() for finding in findings],
        "needs_attention": needed,
        "agree": len(findings) - needed,
    }
    shown = [finding for finding in findings if arguments.all or finding.needs_attention]
    emit(arguments, data, _text(shown, len(findings), needed))
    return 1 if arguments.strict and needed else 0


def _logged(project: Path) -> list[Path]:
    """The log's own records: the project's, else those of installed distributions."""
    from rephase.plugins.phases import shipped_phases

    records = "reproductions/*/logged.recorded.json"
    found = list(project.glob(records)) or [path for one in shipped_phases() for path in one.project.glob(records)]
    return sorted(found)


def _read(path: Path) -> Log:
    from rephase.judging.auditing import Log, read_log
    from rephase.manifest.outcomes import read_outcomes

    return Log(phases=(read_outcomes(path),)) if path.suffix == ".json" else read_log(path)


def _text(findings: Sequence[Finding], count: int, needed: int) -> str:
    blocks = [
        f"{finding.standing}  {finding.check}: {finding.where}\n"
        f"  recorded:   {finding.logged}\n"
        f"  recomputed: {finding.recomputed}\n"
        f"  why:        {finding.why}"
        for finding in findings
    ]
    agree = count - needed
    summary = f"{count} statements recomputed: {needed} need attention, {agree} {'agrees' if agree == 1 else 'agree'}"
    hint = " or are notes (--all shows them)" if len(findings) < count else " or are notes"
    return "\n\n".join([*blocks, summary + hint])
