"""``rephase doctor``: what this machine can do, one line each, with the remedy; and what its GPU does."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import asdict

from rephase.cli.rendering import emit, table, tell
from rephase.errors import UsageError

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder that runs are kept in (default: runs)")
    parser.add_argument(
        "--gpu", action="store_true", help="check and measure a GPU for Phase 3 at the log's size, in about ten minutes"
    )
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="with --gpu: what is measured")
    parser.add_argument("--miniature", action="store_true", help="with --gpu: the embedded phase, to try the command")
    parser.add_argument("--output", type=Path, help="with --gpu: file for what was found (default: gpu-NAME.json)")
    parser.add_argument("--project", type=Path, help="folder that holds reproductions/ (default: here or the nearest)")


def run(arguments: argparse.Namespace) -> int:
    """Examine the machine.

    Returns:
        0 when runs can be made here, 3 when something every run needs is missing; with ``--gpu``, 0 when all checks
        that are here hold, 1 otherwise.
    """
    if arguments.gpu:
        return _run_gpu(arguments)
    if arguments.miniature or arguments.output or arguments.device != "cuda":
        raise UsageError("--device, --miniature and --output belong to --gpu", remedy="rephase doctor --gpu")
    from rephase.runtime.doctor import can_run_here, examine

    findings = examine(arguments.runs)
    able = can_run_here(findings)
    verdict = "runs can be made here" if able else "runs cannot be made here: see what is broken"
    data = {"can_run_here": able, "findings": [asdict(finding) for finding in findings]}
    rows = [[str(finding.standing), finding.name, finding.found] for finding in findings]
    lines = table(["State", "What", "Found"], rows).splitlines()
    remedies = ["", *(f"; {finding.remedy}" if finding.remedy else "" for finding in findings)]
    shown = [line + remedy for line, remedy in zip(lines, remedies, strict=True)]
    emit(arguments, data, "\n".join([*shown, verdict]))
    return 0 if able else 3


def _run_gpu(arguments: argparse.Namespace) -> int:
    from rephase.cli.options import project_of
    from rephase.manifest.writing import write_atomically
    from rephase.reproduction.checkup import examine_gpu, result_name
    from rephase.reproduction.phases import open_phase

    project = project_of(arguments)
    phase = open_phase("phase3", "embedded" if arguments.miniature else "logged", project)
    repetitions = 3 if arguments.miniature else 20
    found = examine_gpu(phase, project, tell, device=arguments.device, repetitions=repetitions)
    output = arguments.output or Path(result_name(found))
    write_atomically(output, json.dumps(found, indent=2) + "\n")
    emit(arguments, found, _gpu_text(found, output))
    return 1 if any(check["state"] == "failed" for check in found["checks"].values()) else 0


def _gpu_text(found: Mapping[str, Any], output: Path) -> str:
    cells = [
        [
            cell["config"],
            str(cell["runs"]),
            cell["precision"],
            cell["way"],
            f"{cell['ms']:.2f}" if "ms" in cell else "-",
            f"{cell['peak_memory_bytes'] / 1e9:.1f}" if "peak_memory_bytes" in cell else "-",
            cell.get("problem") or cell["updates"],
        ]
        for cell in found["updates"]
    ]
    words = {True: "reached", False: "missed", None: "not measured"}
    aims = [
        [aim["aim"], f"{aim['most']:g}", "-" if aim["found"] is None else f"{aim['found']:.1f}", words[aim["reached"]]]
        for aim in found["aims"]
    ]
    checks = [[name, check["state"], check["said"]] for name, check in found["checks"].items()]
    where = found["gpu"]["name"] if found["gpu"] else f"{found['cpu']}, in place of a GPU"
    return "\n\n".join(
        [
            f"{found['phase']} on {where}, torch {found['torch']}, {found['seconds']:.0f} s",
            table(["Check", "State", "Said"], checks),
            table(["Config", "Runs", "Precision", "Way", "Update ms", "GB", "How"], cells, numbers=(1, 4, 5)),
            table(["Aim", "At most", "Found", ""], aims, numbers=(1, 2)),
            f"written to {output}",
        ]
    )
