"""``rephase judge RECORDED RERUN``: whether any lab's table came back, from two tables alone."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rephase.cli.rendering import emit, tell
from rephase.errors import CannotRunHere, UsageError

if TYPE_CHECKING:
    from rephase.judging.sides import Side

__all__ = ["add_columns", "columns_of", "configure", "range_of", "run", "side_of"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "recorded", metavar="RECORDED", help="file or folder: CSV, TSV, JSON lines, Markdown; - is stdin"
    )
    parser.add_argument("rerun", metavar="RERUN", help="the same of the rerun")
    add_columns(parser)
    order = parser.add_mutually_exclusive_group()
    order.add_argument("--higher-is-better", action="store_true", help="as for returns (default)")
    order.add_argument("--lower", action="store_true", help="lower values are better, as for losses")
    parser.add_argument("--report", type=Path, metavar="OUT.html", help="also write the verdict as a page")


def add_columns(parser: argparse.ArgumentParser) -> None:
    """Declare what a table cannot say of itself."""
    for name in ("method", "task", "seed", "value"):
        parser.add_argument(f"--{name}", metavar="COLUMN", help=f"column of the {name} (default: the usual names)")
    parser.add_argument("--n", type=int, metavar="N", help="seeds of means that do not say how many they are of")
    parser.add_argument(
        "--range", nargs=2, type=float, metavar=("LOW", "HIGH"), help="lowest and highest value there can be"
    )
    parser.add_argument(
        "--floor", type=float, help="shift that matters to nobody (default: 2%% of the range or of the recorded mean)"
    )
    parser.add_argument("--k", type=float, help="widest shift a PASS may leave open, in SDs (default: 4, 3 for many)")


def run(arguments: argparse.Namespace) -> int:
    """Judge the rerun.

    Returns:
        0 came back, 1 deviates, 3 nothing to judge, 4 inconclusive, 5 invalid.
    """
    from rephase.judging import judge_sides

    if arguments.recorded == arguments.rerun == "-":
        raise UsageError("both sides are standard input", remedy="give one of them as a file")
    verdict = judge_sides(
        side_of(arguments, arguments.recorded),
        side_of(arguments, arguments.rerun),
        returns=range_of(arguments),
        floor=arguments.floor,
        k=arguments.k,
        lower_is_better=arguments.lower,
    )
    if arguments.report:
        from rephase.report.tables_page import tables_page

        _write(arguments.report, tables_page(verdict))
    emit(arguments, verdict.to_json(), verdict.text)
    return verdict.exit_code


def side_of(arguments: argparse.Namespace, name: str) -> Side:
    """Read a side that was named on the command line."""
    from rephase.judging import read_side

    content = sys.stdin.buffer.read() if name == "-" else None
    if arguments.n is not None and arguments.n < 1:
        raise UsageError(f"--n is {arguments.n}, expected 1 or more")
    return read_side("standard input" if name == "-" else name, columns_of(arguments), arguments.n, content)


def columns_of(arguments: argparse.Namespace) -> dict[str, str]:
    """Columns that were named."""
    return {name: column for name in ("method", "task", "seed", "value") if (column := getattr(arguments, name))}


def range_of(arguments: argparse.Namespace) -> tuple[float, float] | None:
    """Lowest and highest value, where they were given."""
    return (arguments.range[0], arguments.range[1]) if arguments.range else None


def _write(path: Path, page: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise CannotRunHere(f"cannot be written ({error.strerror})", where=str(path)) from error
    tell(f"rephase: wrote {path}")
