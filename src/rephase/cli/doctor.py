"""``rephase doctor``: what this machine can do, one line each, with the remedy."""

from __future__ import annotations

import argparse
from pathlib import Path

from attrs import asdict

from rephase.cli.rendering import emit, table

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder that runs are kept in (default: runs)")


def run(arguments: argparse.Namespace) -> int:
    """Examine the machine.

    Returns:
        0 when runs can be made here, 3 when something every run needs is missing.
    """
    from rephase.runtime.doctor import can_run_here, examine

    findings = examine(arguments.runs)
    able = can_run_here(findings)
    verdict = "runs can be made here" if able else "runs cannot be made here: see what is broken"
    data = {"can_run_here": able, "findings": [asdict(finding) for finding in findings]}
    rows = [[str(finding.standing), finding.name, finding.found] for finding in findings]
    lines = table(["State", "What", "Found"], rows).splitlines()
    remedies = ["", *(f"; {finding.remedy}" if finding.remedy else "" for finding in findings)]
    told = [line + remedy for line, remedy in zip(lines, remedies, strict=True)]
    emit(arguments, data, "\n".join([*told, verdict]))
    return 0 if able else 3
