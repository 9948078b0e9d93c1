"""Tables of trackers, where a run's name says what it is: the names of files and columns taken apart.

A W&B export has a column ``RUN - METRIC`` for every run, a TensorBoard export is a file for every run. Names are read
by their separators: ``method/task/seed-1``, ``task__method__1__time``, ``anything_seed3``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import PurePosixPath

from attrs import evolve, frozen

from rephase.judging.tables.columns import columns_of, word_of
from rephase.judging.tables.table import Row, Table

__all__ = ["RunName", "run_name", "unfolded"]

_SEED = re.compile(r"(?:^|(?<=[/_\-. ]))(?:seed|s)[-_= ]?(\d{1,18})(?=$|[/_\-. ])", re.IGNORECASE)
_LAST = re.compile(r"[/_\-. ](\d{1,9})$")
_TENSORBOARD = re.compile(r"^run-(.*?)(?:-tag-.*)?$")
_CURVE = re.compile(r"(.+?) - (.+)")
_SUFFIXES = (".csv", ".tsv", ".md", ".markdown", ".jsonl", ".ndjson", ".json", ".txt")
_ENDS = ("__MIN", "__MAX")


@frozen
class RunName:
    """What the name of a run or a file says.

    Args:
        method: Method; empty where it says none.
        task: Task; empty where it says none.
        seed: Seed; None where it says none.
    """

    method: str
    task: str
    seed: int | None


@lru_cache(maxsize=4096)
def run_name(name: str, has_seed: bool = False) -> RunName:
    """Take a name apart.

    Args:
        name: Name of a run, or a file's path below the folder that was given.
        has_seed: Whether the seed is known from elsewhere, so that a number in the name is part of it.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    text = str(path.with_suffix("")) if path.suffix.lower() in _SUFFIXES else str(path)
    folder, slash, last = text.rpartition("/")
    if match := _TENSORBOARD.match(last):
        text = f"{folder}{slash}{match[1]}"
    parts = text.split("__")
    if len(parts) == 4 and parts[2].isdigit():
        return RunName(parts[1], parts[0].rpartition("/")[2], int(parts[2]))
    seed = None
    match = None if has_seed else _SEED.search(text) or _LAST.search(text)
    if match:
        seed = int(match[1])
        text = (text[: match.start()] + text[match.end() :]).strip("/_-. ")
    folders = [part for part in text.split("/") if part]
    if len(folders) > 1:
        return RunName("/".join(folders[:-1]), folders[-1], seed)
    return RunName("", text.strip("/"), seed)


def unfolded(table: Table, metric: str = "") -> Table:
    """Return a table with a column a run as one with a row a run and step; any other table as it is.

    Args:
        table: The table.
        metric: Metric to take where runs have several; empty takes one with the usual name of an outcome.
    """
    steps = [index for index, cell in enumerate(table.heading) if word_of(cell) in ("step", "global step", "steps")]
    curves = [
        (index, match[1], match[2])
        for index, cell in enumerate(table.heading)
        if (match := _CURVE.fullmatch(cell)) and not cell.endswith(_ENDS)
    ]
    curves = [curve for curve in curves if word_of(curve[2]) not in ("step", " step")]
    if len(steps) != 1 or not curves:
        return table
    metrics = [name for _, _, name in curves]
    wanted = metric if metric in metrics else _metric(metrics)
    rows = [
        Row(row.line, (run, row.cells[steps[0]], row.cells[index]))
        for index, run, name in curves
        for row in table.rows
        if name == wanted and len(row.cells) == len(table.heading) and row.cells[index] != ""
    ]
    broken = [row for row in table.rows if len(row.cells) != len(table.heading)]
    return evolve(
        table,
        heading=("run name", "step", wanted if "value" in columns_of([wanted]) else "value"),
        rows=(*rows, *broken),
    )


def _metric(metrics: Sequence[str]) -> str:
    """The metric that is an outcome, where runs have several: by its usual names, or else the first."""
    return next((metric for metric in dict.fromkeys(metrics) if "value" in columns_of([metric])), metrics[0])
