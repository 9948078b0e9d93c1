"""Comma- and tab-separated values, JSON lines: files that are one table each."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from typing import Any

from rephase.judging.tables.decoding import split_lines
from rephase.judging.tables.table import Reading, Remark, Row, Table

__all__ = ["delimited_table", "delimiter_of", "json_table"]

_DELIMITERS = ",\t;"


def delimiter_of(text: str) -> str:
    """Return what separates the cells of a text's first line: a comma, tab or semicolon, the most frequent of them."""
    first = next((line for line in split_lines(text) if line.strip() and not line.startswith("#")), "")
    bare = re.sub(r'"[^"]*"', "", first)
    return max(_DELIMITERS, key=bare.count)


def delimited_table(text: str, delimiter: str = "") -> Reading:
    """Read separated values: a heading and rows, all with as many cells.

    Args:
        text: The text. Blank lines and lines that start with ``#`` are no rows.
        delimiter: What separates cells; empty takes what the first line is separated by.

    Returns:
        One table, and a remark for every line that is not in it.
    """
    delimiter = delimiter or delimiter_of(text)
    remarks: list[Remark] = []
    lines = split_lines(text)
    comments = [at for at, line in enumerate(lines, 1) if line.startswith("#")]
    if comments:
        problem = "lines that start with # are comments"
        remarks.append(Remark(lines=comments, problem=problem, found=lines[comments[0] - 1], is_loss=False))
    kept = [(at, line) for at, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    rows = _rows(kept, delimiter)
    if not rows:
        return Reading(tables=(), remarks=tuple(remarks), text=text)
    heading = rows[0]
    good = []
    for row in rows[1:]:
        if row.cells == heading.cells:
            remarks.append(Remark(lines=[row.line], problem="the heading once more", is_loss=False))
        elif len(row.cells) != len(heading.cells) and not _is_padded(row, heading):
            problem = f"{len(row.cells)} cells, expected {len(heading.cells)}"
            found = delimiter.join(row.cells)
            remarks.append(Remark(lines=[row.line], problem=problem, found=found, remedy="fix the row"))
        else:
            good.append(Row(row.line, row.cells[: len(heading.cells)]))
    table = Table(line=heading.line, heading=heading.cells, rows=tuple(good))
    return Reading(tables=(table,), remarks=tuple(remarks), text=text)


def json_table(text: str) -> Reading:
    """Read JSON lines, a JSON list of objects or recorded outcomes: a row an object, nested keys joined by dots.

    Args:
        text: The text.

    Returns:
        One table whose columns are the keys in their first order, and a remark for every line that is no object.
    """
    remarks: list[Remark] = []
    found: list[tuple[int, dict[str, str]]] = []
    for line, value in _objects(text, remarks):
        if isinstance(value, dict):
            found.append((line, _flat(value)))
        else:
            problem = f"expected a JSON object, found {type(value).__name__}"
            remarks.append(Remark(lines=[line], problem=problem, found=json.dumps(value), remedy="fix the line"))
    heading = tuple(dict.fromkeys(key for _, row in found for key in row))
    rows = tuple(Row(line, tuple(row.get(key, "") for key in heading)) for line, row in found)
    tables = (Table(line=rows[0].line, heading=heading, rows=rows),) if rows else ()
    return Reading(tables=tables, remarks=tuple(remarks), text=text)


def _rows(kept: list[tuple[int, str]], delimiter: str) -> list[Row]:
    csv.field_size_limit(1 << 30)
    reader = csv.reader((line for _, line in kept), delimiter=delimiter, skipinitialspace=True)
    rows = []
    before = 0
    for cells in reader:
        rows.append(Row(kept[before][0], tuple(cell.strip() for cell in cells)))
        before = reader.line_num
    return rows


def _is_padded(row: Row, heading: Row) -> bool:
    """Whether all that is too much in a row is empty, as spreadsheets leave it."""
    return len(row.cells) > len(heading.cells) and not any(row.cells[len(heading.cells) :])


def _objects(text: str, remarks: list[Remark]) -> list[tuple[int, Any]]:
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError) as error:
        if text.lstrip().startswith("["):
            remarks.append(Remark(lines=[], problem=f"not JSON: {error}", remedy="write the file again"))
            return []
    else:
        return [(at, value) for at, value in enumerate(_listed(whole), 1)]
    found = []
    for at, line in enumerate(split_lines(text), 1):
        if not line.strip():
            continue
        try:
            found.append((at, json.loads(line)))
        except (ValueError, RecursionError) as error:
            reason = str(error).partition(":")[0]
            remarks.append(Remark(lines=[at], problem=f"not JSON: {reason}", found=line, remedy="fix the line"))
    return found


def _listed(whole: Any) -> list[Any]:
    """Objects of a file that is one JSON value: a list, recorded outcomes of this project, or one object."""
    if isinstance(whole, list):
        return whole
    if isinstance(whole, dict) and isinstance(whole.get("outcomes"), list):
        own = whole.get("source")
        return [row for row in whole["outcomes"] if not isinstance(row, dict) or row.get("source", own) == own]
    return [whole]


def _flat(value: Mapping[str, Any], path: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, item in value.items():
        name = f"{path}.{key}" if path else str(key)
        if isinstance(item, dict):
            flat |= _flat(item, name)
        elif isinstance(item, bool) or item is None:
            flat[name] = "" if item is None else str(item)
        else:
            flat[name] = item if isinstance(item, str) else json.dumps(item)
    return flat
