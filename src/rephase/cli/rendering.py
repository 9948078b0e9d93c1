"""The only file that prints.

Results go to standard output, as text or, under ``--json``, as the same content for machines. Progress and problems go
to standard error. Nothing is coloured, so that a pipe sees what a person sees.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from rephase.errors import RephaseError

__all__ = ["complain", "emit", "say", "silence_broken_pipe", "table", "tell"]


def emit(arguments: argparse.Namespace, data: Mapping[str, Any] | Sequence[Any], text: str) -> None:
    """Print a command's result: ``data`` as JSON under ``--json``, otherwise ``text``.

    Args:
        arguments: The parsed arguments; only ``json`` is looked at.
        data: What the command found, in values JSON knows.
        text: The same content for people, without a final line break.
    """
    if getattr(arguments, "json", False):
        print(json.dumps(data, indent=2, sort_keys=True, allow_nan=False))
    else:
        print(text)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Lay out rows under a heading, columns two spaces apart.

    Args:
        columns: Heading of each column.
        rows: Cells, one sequence a row.
        numbers: Columns to align right, by position.

    Returns:
        The table, one line a row, without a final line break or trailing blanks.
    """
    lines = [list(columns), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if at in numbers else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def say(text: str) -> None:
    """Print one line of a command's result as soon as it is known (used where a result is a stream of lines)."""
    print(text, flush=True)


def tell(text: str) -> None:
    """Print one line about what is going on; it is no part of the result."""
    print(text, file=sys.stderr, flush=True)


def complain(error: RephaseError, *, as_json: bool = False) -> None:
    """Print what went wrong: the message for people, and the same as JSON on standard output for machines."""
    if as_json:
        problems = [
            {"path": problem.path, "problem": problem.problem, "remedy": problem.remedy}
            for problem in getattr(error, "problems", ())
        ]
        data = {
            "error": type(error).__name__,
            "exit_code": error.exit_code,
            "message": str(error),
            "problem": error.problem,
            "problems": problems,
            "remedy": error.remedy,
            "where": error.where,
        }
        print(json.dumps(data, indent=2, sort_keys=True), flush=True)
    print(f"rephase: {error}", file=sys.stderr, flush=True)


def silence_broken_pipe() -> None:
    """Send what is still buffered nowhere, after a reader such as ``head`` has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
