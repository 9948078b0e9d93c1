"""What a table says, entry by entry: the outcome of a run, or a statement about a cell. One reader for every use.

A table is in one of a few shapes, and which one is decided by its columns:

- a row a run: task, seed and value, with the method or without;
- a row a run and metric: task, seed, metric and value;
- a column a seed: ``seed 1``, ``seed 2`` ... beside method and task;
- a row a task and a column a method, or a row a method and a column a task, with figures such as ``902 ± 12 (n=3)``;
- a row a cell: method, task and figure, with spread and number of seeds in the figure or in columns of their own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Literal

from attrs import define, evolve, field, frozen

from rephase.judging.tables.columns import Columns, columns_of, word_of
from rephase.judging.tables.figures import Figure, figure, is_empty, number, plain_text
from rephase.judging.tables.table import Remark, Row, Table

__all__ = ["Entries", "Entry", "entries_of"]


_NOT_WIDE = {"job", "array", "status", "seed", "step", "metric"}
"""Columns that no table with a column a method or a column a task has."""


@frozen(kw_only=True)
class Entry:
    """One figure of a table with everything that says what it is of.

    Args:
        line: Line it is on.
        method: Method as written; empty where the table does not say.
        task: Task as written; empty where the table does not say.
        seed: Seed; None for a statement about a cell, or where the table does not say.
        figure: The figure.
        second: Second evaluation of the run; None where there is none.
        job: Job as written.
        hardware: Hardware as written.
        step: Training step it was measured at; None where the table does not say.
        said: What stands in the column that names a winner.
        cost: What the run cost, in the unit of its column; None where the table does not say.
        run: Name of the run; empty where the table does not say.
    """

    line: int
    method: str
    task: str
    seed: int | None
    figure: Figure
    second: float | None = None
    job: str = ""
    hardware: str = ""
    step: float | None = None
    said: str = ""
    cost: float | None = None
    run: str = ""


@frozen(kw_only=True)
class Entries:
    """What a table says.

    Args:
        shape: ``runs`` where its figures are of single runs, ``cells`` where they are statements about cells, empty
            where it holds no figure of either kind.
        columns: What its columns are.
        entries: Its figures.
        remarks: What is to be said of its lines; every row is in an entry or in one of these.
    """

    shape: str
    columns: Columns
    entries: tuple[Entry, ...] = ()
    remarks: tuple[Remark, ...] = ()


@define(kw_only=True)
class _Gathering:
    """What has been found in a table so far."""

    table: Table
    columns: Columns
    entries: list[Entry] = field(factory=list)
    remarks: list[Remark] = field(factory=list)
    waiting: dict[str, list[int]] = field(factory=dict)
    commas: list[int] = field(factory=list)

    def lose(self, row: Row, problem: str, found: str = "", remedy: str = "fix the cell") -> None:
        text = found or " | ".join(row.cells)
        self.remarks.append(Remark(lines=[row.line], problem=problem, found=text, remedy=remedy))

    def figure(self, row: Row, index: int) -> Figure | None:
        cell = row.cells[index]
        found = figure(cell)
        if isinstance(found, Figure):
            if found.is_comma:
                self.commas.append(row.line)
            return found
        if is_empty(cell):
            self.waiting.setdefault(plain_text(cell) or "empty", []).append(row.line)
        else:
            self.lose(row, f"{_title(self.table, index)} is {cell!r}: {found}")
        return None

    def done(self, shape: str) -> Entries:
        for word, lines in self.waiting.items():
            problem = f"no outcome yet ({word})"
            self.remarks.append(Remark(lines=lines, problem=problem, is_loss=False))
        if self.commas:
            problem = "a decimal comma, read as a point"
            self.remarks.append(Remark(lines=self.commas, problem=problem, is_loss=False))
        remarks = tuple(sorted(self.remarks, key=lambda remark: remark.lines))
        return Entries(shape=shape, columns=self.columns, entries=tuple(self.entries), remarks=remarks)


def entries_of(table: Table, named: Mapping[str, str] | None = None) -> Entries:
    """Read a table.

    Args:
        table: The table.
        named: Names of columns, by what they are: ``method``, ``task``, ``seed``, ``value``.
    """
    columns = columns_of(table.heading, named)
    found = _Gathering(table=table, columns=columns)
    rows = []
    for row in table.rows:
        if len(row.cells) == len(table.heading):
            rows.append(row)
        else:
            found.lose(row, f"{len(row.cells)} cells, expected {len(table.heading)}", remedy="fix the row")
    if "metric" in columns and "value" in columns and "seed" in columns:
        return _by_metric(found, rows)
    if "value" in columns and ("seed" in columns or "step" in columns):
        return _by_run(found, rows)
    if columns.seeds:
        return _by_seed(found, rows)
    if "value" in columns and ("method" in columns or "task" in columns):
        return _by_cell(found, rows)
    if ("task" in columns) != ("method" in columns) and not _NOT_WIDE & set(columns.at):
        return _by_pair(found, rows)
    return found.done("")


def _by_run(found: _Gathering, rows: Sequence[Row]) -> Entries:
    for row in rows:
        seed = _seed(found, row)
        value = found.figure(row, found.columns.at["value"]) if seed is not False else None
        if value is None or seed is False:
            continue
        if value.spread is not None:
            found.lose(row, "one run has one value, found a mean with a spread")
        else:
            found.entries.append(_entry(found, row, seed, value, second=_second(found, row)))
    return found.done("runs")


def _by_metric(found: _Gathering, rows: Sequence[Row]) -> Entries:
    """Rows that name what they measured: values and second evaluations of one run are put together."""
    values: dict[tuple[str, str, int | None], Entry] = {}
    seconds: dict[tuple[str, str, int | None], float] = {}
    others: dict[str, list[int]] = {}
    for row in rows:
        metric = found.columns.cell("metric", row.cells)
        is_second = "plan" in word_of(metric)
        if not is_second and "value" not in columns_of([metric]):
            others.setdefault(metric, []).append(row.line)
            continue
        seed = _seed(found, row)
        value = found.figure(row, found.columns.at["value"]) if seed is not False else None
        if value is None or seed is False:
            continue
        entry = _entry(found, row, seed, value)
        key = (entry.method, entry.task, entry.seed)
        if is_second:
            seconds[key] = value.value
        elif key in values:
            found.lose(row, f"a second value of one run; line {values[key].line} has the first", remedy="keep one")
        else:
            values[key] = entry
    for metric, lines in others.items():
        found.remarks.append(Remark(lines=lines, problem=f"another metric, {metric}", is_loss=False))
    for key, entry in values.items():
        found.entries.append(evolve(entry, second=seconds.get(key)))
    return found.done("runs")


def _by_seed(found: _Gathering, rows: Sequence[Row]) -> Entries:
    for row in rows:
        for seed, index in found.columns.seeds.items():
            value = found.figure(row, index)
            if value is not None and value.spread is not None:
                found.lose(row, "one run has one value, found a mean with a spread")
            elif value is not None:
                found.entries.append(_entry(found, row, seed, value))
    return found.done("runs")


def _by_cell(found: _Gathering, rows: Sequence[Row]) -> Entries:
    is_stated = bool({"spread", "error", "count"} & set(found.columns.at))
    for row in rows:
        value = found.figure(row, found.columns.at["value"])
        if value is None:
            continue
        found.entries.append(_entry(found, row, None, _with_columns(found, row, value)))
    keys = [(entry.method, entry.task) for entry in found.entries]
    spreads = any(entry.figure.spread is not None or entry.figure.count for entry in found.entries)
    repeated = len(set(keys)) < len(keys)
    return found.done("runs" if repeated and not spreads and not is_stated else "cells")


def _by_pair(found: _Gathering, rows: Sequence[Row]) -> Entries:
    """A row a task and a column a method, or the other way round."""
    columns = found.columns
    across = "method" if "task" in columns else "task"
    down = "task" if across == "method" else "method"
    used = [index for index in columns.others if any(_is_figure_like(row.cells[index]) for row in rows)]
    for row in rows:
        for index in used:
            value = found.figure(row, index)
            if value is None:
                continue
            here, there = plain_text(columns.cell(down, row.cells)), plain_text(found.table.heading[index])
            method, task = (there, here) if across == "method" else (here, there)
            said = columns.cell("winner", row.cells)
            found.entries.append(Entry(line=row.line, method=method, task=task, seed=None, figure=value, said=said))
    return found.done("cells" if used else "")


def _with_columns(found: _Gathering, row: Row, value: Figure) -> Figure:
    """A figure with the spread and the number of seeds that stand in columns of their own."""
    spread, kind, count, decimals = value.spread, value.kind, value.count, value.decimals
    for name, word in (("spread", "sd"), ("error", "se")):
        cell = found.columns.cell(name, row.cells)
        if spread is None and name in found.columns and not is_empty(cell):
            read = figure(cell)
            if isinstance(read, str) or read.spread is not None or read.value < 0:
                reason = read if isinstance(read, str) else "expected one number, 0 or more"
                found.lose(row, f"{_title(found.table, found.columns.at[name])} is {cell!r}: {reason}")
            else:
                spread, kind, decimals = read.value, word, read.decimals
    if count is None and "count" in found.columns and not is_empty(cell := found.columns.cell("count", row.cells)):
        read_count = number(cell)
        if isinstance(read_count, str) or read_count != int(read_count) or read_count < 1:
            title = _title(found.table, found.columns.at["count"])
            found.lose(row, f"{title} is {cell!r}: expected a whole number of seeds")
        else:
            count = int(read_count)
    return Figure(value=value.value, spread=spread, kind=kind, count=count, decimals=decimals)


def _entry(found: _Gathering, row: Row, seed: int | None, value: Figure, second: float | None = None) -> Entry:
    columns = found.columns
    step = number(columns.cell("step", row.cells)) if "step" in columns else math.nan
    cost = number(columns.cell("cost", row.cells)) if "cost" in columns else math.nan
    return Entry(
        line=row.line,
        method=plain_text(columns.cell("method", row.cells)),
        task=plain_text(columns.cell("task", row.cells)),
        seed=seed,
        figure=value,
        second=second,
        job=plain_text(columns.cell("job", row.cells)),
        hardware=plain_text(columns.cell("hardware", row.cells)),
        step=None if isinstance(step, str) or math.isnan(step) else step,
        said=columns.cell("winner", row.cells),
        cost=None if isinstance(cost, str) or math.isnan(cost) else cost,
        run=plain_text(columns.cell("run", row.cells)),
    )


def _seed(found: _Gathering, row: Row) -> int | Literal[False] | None:
    """Seed of a row; None where the table has no such column, False where the cell says none."""
    if "seed" not in found.columns:
        return None
    cell = plain_text(found.columns.cell("seed", row.cells))
    match = re.fullmatch(r"(?:seed[\s_-]*)?([-+]?\d{1,18})(?:\.0*)?", cell, re.IGNORECASE)
    if match:
        return int(match[1])
    found.lose(row, f"{_title(found.table, found.columns.at['seed'])} is {cell!r}: expected a whole number")
    return False


def _second(found: _Gathering, row: Row) -> float | None:
    cell = found.columns.cell("second", row.cells)
    if "second" not in found.columns or is_empty(cell):
        return None
    value = number(cell)
    if isinstance(value, str):
        found.lose(row, f"{_title(found.table, found.columns.at['second'])} is {cell!r}: {value}")
        return None
    return value


def _is_figure_like(cell: str) -> bool:
    return isinstance(figure(cell), Figure) or re.match(r"\W*\d", cell) is not None


def _title(table: Table, index: int) -> str:
    return plain_text(table.heading[index]) or f"column {index + 1}"
