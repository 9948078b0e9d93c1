"""The only file that prints.

Results go to standard output, as text or, under ``--json``, as the same content for machines. Progress and problems go
to standard error. Nothing is coloured, so that a pipe sees what a person sees. What a manifest or record says is data:
no character of it moves the cursor or turns the text around, and what an encoding lacks is shown as an escape.
"""

from __future__ import annotations

import json
import os
import select
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

from rephase.manifest.text import visible

if TYPE_CHECKING:
    import argparse

    from rephase.errors import RephaseError

__all__ = ["complain", "emit", "finish", "is_reader_gone", "say", "table", "tell"]


def emit(arguments: argparse.Namespace, data: Mapping[str, Any] | Sequence[Any], text: str) -> None:
    """Print a command's result: ``data`` as JSON under ``--json``, otherwise ``text``.

    Args:
        arguments: The parsed arguments; only ``json`` is looked at.
        data: What the command found, in values JSON knows.
        text: The same content for people, without a final line break.
    """
    if getattr(arguments, "json", False):
        _write(sys.stdout, json.dumps(data, indent=2, sort_keys=True, allow_nan=False))
    else:
        _write(sys.stdout, text)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Lay out rows under a heading, columns two spaces apart.

    Args:
        columns: Heading of each column.
        rows: Cells, one sequence a row.
        numbers: Columns to align right, by position.

    Returns:
        The table, one line a row, without a final line break or trailing blanks.
    """
    lines = [[visible(str(cell), keep="") for cell in row] for row in (columns, *rows)]
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
    _write(sys.stdout, text)


def tell(text: str) -> None:
    """Print one line about what is going on; it is no part of the result, so that nobody reading it ends no work."""
    with suppress(OSError):
        _write(sys.stderr, text)


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
        with suppress(OSError):  # what is wrong may be standard output itself; people still see the message
            _write(sys.stdout, json.dumps(data, indent=2, sort_keys=True))
    tell(f"rephase: {error}")


def is_reader_gone() -> bool:
    """Whether whoever read standard output, such as ``head``, has closed it."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), select.POLLOUT)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
    except (OSError, ValueError, AttributeError):  # closed, or no file at all
        return False


def finish() -> None:
    """Write out what is buffered, and send nowhere what cannot be written, so that Python's own exit stays silent."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            with suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # the program was started with it closed
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    shown = visible(text).encode(encoding, errors="backslashreplace").decode(encoding)
    print(shown, file=stream, flush=True)
