"""Tables in and out: one reader of tables that people and programs write, and the log's own tables made again.

`read_tables` finds the tables of a file, `entries_of` says what one of them says; whatever is not read has a remark
with its line. Pure functions of bytes and text.
"""

from __future__ import annotations

from rephase.judging.tables.columns import columns_of, key_of
from rephase.judging.tables.entries import Entries, Entry, entries_of
from rephase.judging.tables.figures import Figure, figure, is_empty, number
from rephase.judging.tables.reading import SUFFIXES, read_tables
from rephase.judging.tables.table import Reading, Remark, Row, Table, lines_named
from rephase.judging.tables.writing import (
    OUTCOME_COLUMNS,
    markdown,
    outcome_rows,
    summary_columns,
    summary_rows,
    titles,
)

__all__ = [
    "OUTCOME_COLUMNS",
    "SUFFIXES",
    "Entries",
    "Entry",
    "Figure",
    "Reading",
    "Remark",
    "Row",
    "Table",
    "columns_of",
    "entries_of",
    "figure",
    "is_empty",
    "key_of",
    "lines_named",
    "markdown",
    "number",
    "outcome_rows",
    "read_tables",
    "summary_columns",
    "summary_rows",
    "titles",
]
