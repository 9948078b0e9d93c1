"""Markdown line by line: every line that looks like part of a table is in a table or has a remark.

A parser of Markdown will not do: its tables end at a blank line, drop what is too much in a row and know nothing of
rows without a heading, and all three are what a reader of a log must hear about.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import define, field

from rephase.judging.tables.decoding import split_lines
from rephase.judging.tables.table import Reading, Remark, Row, Table

__all__ = ["markdown_tables", "split_cells"]

_HEADING = re.compile(r" {0,3}(#{1,6})\s(.*)")
_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})(.*)$")
_PIPE = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"[|+:\-=\s\u2013\u2014\u2500\u2501\u253c\u2502]+")
_HTML = re.compile(r"</?(?:table|thead|tbody|tr|td|th)\b", re.IGNORECASE)
_QUOTE = re.compile(r"^\s{0,3}(?:>\s?)+")
_CAPTION = 600


def markdown_tables(text: str) -> Reading:
    """Find the tables of a Markdown text.

    Args:
        text: The text.

    Returns:
        Its tables, and a remark for every table-like line that is in none: in a comment or a code fence, without a
        heading, or in HTML.
    """
    lines = [_QUOTE.sub("", line) for line in split_lines(text)]
    remarks: list[Remark] = []
    hidden = _hidden(lines, remarks)
    walk = _Walk(lines=lines, remarks=remarks)
    at = 0
    while at < len(lines):
        if at in hidden:
            at += 1
        else:
            at = walk.step(at, hidden)
    walk.set_aside(hidden)
    return Reading(tables=tuple(walk.tables), remarks=tuple(remarks), text=text)


def split_cells(line: str) -> tuple[str, ...]:
    """Return the cells of a line: what stands between bars, an escaped bar being none."""
    stripped = line.strip()
    stripped = stripped.removeprefix("|")
    if stripped.endswith("|") and not stripped.endswith("\\|"):
        stripped = stripped[:-1]
    return tuple(cell.strip().replace("\\|", "|") for cell in _PIPE.split(stripped))


@define(kw_only=True)
class _Walk:
    lines: Sequence[str]
    remarks: list[Remark]
    tables: list[Table] = field(factory=list)
    section: list[tuple[int, str]] = field(factory=list)
    caption: list[str] = field(factory=list)
    is_open: bool = False
    """Whether nothing but blank lines came after the last table."""

    def step(self, at: int, hidden: dict[int, str]) -> int:
        line = self.lines[at]
        if match := _HEADING.match(line):
            level, title = len(match[1]), match[2].strip().rstrip("#").strip()
            self.section = [*(one for one in self.section if one[0] < level), (level, title)]
            self.caption, self.is_open = [], False
        elif "|" in line and not _is_rule(line):
            return self._table(at, hidden)
        elif _HTML.search(line):
            problem = "a table in HTML is not read"
            self.remarks.append(
                Remark(lines=[at + 1], problem=problem, found=line.strip(), remedy="write it with bars")
            )
            self.is_open = False
        elif line.strip() and not _is_rule(line):
            self.caption.append(line.strip())
            self.is_open = False
        return at + 1

    def _table(self, at: int, hidden: dict[int, str]) -> int:
        rows, end = self._block(at, hidden)
        if at + 1 < end and _is_rule(self.lines[at + 1]):
            self._add(rows[0], rows[1:])
        elif self.is_open and all(len(row.cells) == len(self.tables[-1].heading) for row in rows):
            self._continue(rows)
        elif _is_table_like(self.lines[at]) and len(rows) > 1 and len(rows[0].cells) > 1 and _is_wordy(rows[0]):
            problem = "a table without a rule such as |---|---| below its heading, read as one"
            self.remarks.append(Remark(lines=[at + 1], problem=problem, found=self.lines[at].strip(), is_loss=False))
            self._add(rows[0], rows[1:])
        else:
            self._orphans(rows)
        return end

    def _block(self, at: int, hidden: dict[int, str]) -> tuple[list[Row], int]:
        rows: list[Row] = []
        while at < len(self.lines) and at not in hidden and ("|" in self.lines[at] or _is_rule(self.lines[at])):
            if rows and _starts_another(self.lines, at):
                break
            if not _is_rule(self.lines[at]):
                rows.append(Row(at + 1, split_cells(self.lines[at])))
            at += 1
        return rows, at

    def _add(self, heading: Row, rows: Sequence[Row]) -> None:
        caption = "\n".join(self.caption)[-_CAPTION:]
        titles = tuple(title for _, title in self.section)
        self.tables.append(
            Table(line=heading.line, heading=heading.cells, rows=tuple(rows), section=titles, caption=caption)
        )
        self.caption, self.is_open = [], True

    def _continue(self, rows: Sequence[Row]) -> None:
        last = self.tables[-1]
        self.tables[-1] = Table(
            line=last.line,
            heading=last.heading,
            rows=(*last.rows, *rows),
            section=last.section,
            caption=last.caption,
        )
        problem = f"rows after a blank line, read as part of the table in line {last.line}"
        self.remarks.append(Remark(lines=[row.line for row in rows], problem=problem, is_loss=False))

    def _orphans(self, rows: Sequence[Row]) -> None:
        after = self.is_open
        for row in rows:
            line = self.lines[row.line - 1]
            if _is_table_like(line):
                problem = "a row of no table: there is no heading with a rule above it"
                if after:
                    count = len(self.tables[-1].heading)
                    problem = f"{len(row.cells)} cells after a table of {count} columns: a row of no table"
                self.remarks.append(
                    Remark(lines=[row.line], problem=problem, found=line.strip(), remedy="put it below its heading")
                )
            else:
                self.caption.append(line.strip())
                self.is_open = False

    def set_aside(self, hidden: dict[int, str]) -> None:
        """Remark on the table-like lines of comments and code fences, one remark a run of lines."""
        group: list[int] = []
        for at in [*sorted(hidden), -1]:
            if group and (at != group[-1] + 1):
                self._aside(group, hidden[group[0]])
                group = []
            if at >= 0 and _is_table_like(self.lines[at]):
                group.append(at)
        if group:
            self._aside(group, hidden[group[0]])

    def _aside(self, group: Sequence[int], place: str) -> None:
        found = self.lines[group[0]].strip()
        problem = f"a table in {place} is set aside, its figures are not read"
        self.remarks.append(Remark(lines=[at + 1 for at in group], problem=problem, found=found, is_loss=False))


def _is_rule(line: str) -> bool:
    stripped = line.strip()
    if not stripped or not _RULE.fullmatch(stripped):
        return False
    return ("|" in stripped or stripped.startswith("+") or "\u2502" in stripped) and any(
        sign in stripped for sign in "-=\u2013\u2014\u2500\u2501"
    )


def _is_table_like(line: str) -> bool:
    stripped = line.strip()
    bars = len(_PIPE.findall(stripped))
    return bars > 1 or (bars == 1 and (stripped[0] == "|" or stripped[-1] == "|"))


def _is_wordy(row: Row) -> bool:
    """Whether a row can be a heading: words in every cell, figures in none."""
    return all(cell and not re.match(r"[-+~(\[]?\d", cell) for cell in row.cells)


def _starts_another(lines: Sequence[str], at: int) -> bool:
    """Whether a heading with its rule stands right below another table's rows."""
    if at + 1 >= len(lines) or _is_rule(lines[at]) or not _is_rule(lines[at + 1]):
        return False
    return "|" in lines[at] and "|" in lines[at + 1] and not lines[at + 1].strip().startswith("+")


def _hidden(lines: Sequence[str], remarks: list[Remark]) -> dict[int, str]:
    """Lines, from 0, inside comments and code fences, with the word for what hides them."""
    hidden: dict[int, str] = {}
    at = 0
    while at < len(lines):
        end, place = at, ""
        if match := _FENCE.match(lines[at]):
            place, end = "a code fence", _end_of_fence(lines, at, match[1])
        elif "<!--" in lines[at] and "-->" not in lines[at].rpartition("<!--")[2]:
            place, end = "a comment", _end_of_comment(lines, at)
        elif "<!--" in lines[at] and lines[at].strip().startswith("<!--") and lines[at].strip().endswith("-->"):
            hidden[at] = "a comment"
        if place and end < 0:
            problem = f"{place} is opened and never closed; what follows is read as if it were not there"
            remarks.append(Remark(lines=[at + 1], problem=problem, found=lines[at].strip(), remedy="close it"))
        elif place:
            hidden |= dict.fromkeys(range(at, end + 1), place)
            at = end
        at += 1
    return hidden


def _end_of_fence(lines: Sequence[str], at: int, mark: str) -> int:
    closing = re.compile(rf"\s{{0,3}}{re.escape(mark[0])}{{{len(mark)},}}\s*$")
    return next((later for later in range(at + 1, len(lines)) if closing.match(lines[later])), -1)


def _end_of_comment(lines: Sequence[str], at: int) -> int:
    return next((later for later in range(at + 1, len(lines)) if "-->" in lines[later]), -1)
