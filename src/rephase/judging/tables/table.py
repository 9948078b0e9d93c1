"""A table as it was written: cells, each row with the line it is on, and what a reader has to say of lines."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import field, frozen

__all__ = ["Reading", "Remark", "Row", "Table", "lines_named"]

_QUOTED = 60
_NAMED = 8


def _numbers(lines: Iterable[int]) -> tuple[int, ...]:
    return tuple(lines)


def _shortened(text: str) -> str:
    return text if len(text) <= _QUOTED else f"{text[: _QUOTED - 3]}..."


@frozen
class Row:
    """One line of a table.

    Args:
        line: Its number in the file, from 1.
        cells: What stands between its separators, without surrounding blanks.
    """

    line: int
    cells: tuple[str, ...]


@frozen(kw_only=True)
class Table:
    """A heading and the rows below it.

    Args:
        line: Line of the heading, from 1.
        heading: Its cells.
        rows: Lines below it.
        section: Titles of the headings of the text it stands under, outermost first.
        caption: Text between the last of those headings, or the table before, and this one.
        file: File it is from, as messages call it.
    """

    line: int
    heading: tuple[str, ...]
    rows: tuple[Row, ...]
    section: tuple[str, ...] = ()
    caption: str = ""
    file: str = ""

    @property
    def columns(self) -> str:
        """Its heading in words."""
        return ", ".join(cell or "(empty)" for cell in self.heading)


@frozen(kw_only=True)
class Remark:
    """What a reader has to say about lines: that they are not read and why, or how they were understood.

    Args:
        lines: Numbers of the lines, from 1; empty where it is about all of the file.
        problem: What was found, and what was expected where that is not plain.
        found: What stands there, shortened.
        remedy: What to do; empty where there is nothing to do.
        is_loss: Whether a figure may be missing from what was read because of it.
        file: File the lines are in.
    """

    lines: tuple[int, ...] = field(converter=_numbers)
    problem: str
    found: str = field(default="", converter=_shortened)
    remedy: str = ""
    is_loss: bool = True
    file: str = ""

    @property
    def where(self) -> str:
        """File and lines in words."""
        return ", ".join(part for part in (self.file, lines_named(self.lines)) if part)

    def __str__(self) -> str:
        text = f"{self.where}: {self.problem}" if self.where else self.problem
        return f"{text}; {self.remedy}" if self.remedy else text


@frozen(kw_only=True)
class Reading:
    """Everything table-like of a file.

    Args:
        tables: Its tables, in order.
        remarks: What is to be said of lines that are in none of them, or only just.
        text: The text they were read from.
    """

    tables: tuple[Table, ...]
    remarks: tuple[Remark, ...] = ()
    text: str = ""


def lines_named(lines: Iterable[int]) -> str:
    """Return line numbers in words, neighbours as a range: ``lines 3-5 and 9``; empty for none."""
    runs: list[list[int]] = []
    for line in sorted(set(lines)):
        if runs and line == runs[-1][1] + 1:
            runs[-1][1] = line
        else:
            runs.append([line, line])
    if not runs:
        return ""
    parts = [str(first) if first == last else f"{first}-{last}" for first, last in runs]
    if len(parts) > _NAMED:
        parts = [*parts[: _NAMED - 1], f"{len(parts) - _NAMED + 1} more places"]
    word = "line" if len(parts) == 1 and runs[0][0] == runs[0][1] else "lines"
    return f"{word} {', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else f"{word} {parts[0]}"
