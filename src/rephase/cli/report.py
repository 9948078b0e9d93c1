"""``rephase report PHASE``: the phase as one HTML page and as Markdown, made from records alone. Needs no torch."""

from __future__ import annotations

import argparse
from pathlib import Path

from rephase.cli.options import add_phase, phase_of, store_of
from rephase.cli.rendering import emit

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_phase(parser)
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where to write (default: the folder of its runs)")
    parser.add_argument(
        "--format", choices=["both", "html", "markdown"], default="both", help="what to write (default: both)"
    )
    parser.add_argument(
        "--section",
        action="append",
        default=[],
        metavar="NAME",
        help="a section of a plugin that the phase does not pin, may be repeated (rephase plugins lists them)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the report.

    Returns:
        0 whatever the verdict; `rephase check` is the one that judges by its exit code.
    """
    from rephase.manifest.writing import write_atomically
    from rephase.report import gather, html_page, markdown_page

    store = store_of(arguments, phase_of(arguments))
    report = gather(store, arguments.section)
    folder = arguments.out or store.folder
    files = {}
    if arguments.format in ("both", "html"):
        files["html"] = folder / "report.html"
        write_atomically(files["html"], html_page(report))
    if arguments.format in ("both", "markdown"):
        files["markdown"] = folder / "report.md"
        write_atomically(files["markdown"], markdown_page(report))
    data = report.to_json() | {"files": {kind: str(path) for kind, path in files.items()}}
    lines = [report.headline, f"{report.verdict.decision}: {report.verdict.reason}", *map(str, files.values())]
    emit(arguments, data, "\n".join(lines))
    return 0
