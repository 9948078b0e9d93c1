"""Files as tables: which kind of table a file holds follows from its name, or else from its text."""

from __future__ import annotations

from pathlib import PurePath

from attrs import evolve

from rephase.judging.tables.decoding import decode
from rephase.judging.tables.delimited import delimited_table, delimiter_of, json_table
from rephase.judging.tables.markdown_lines import markdown_tables
from rephase.judging.tables.table import Reading

__all__ = ["SUFFIXES", "read_tables"]

SUFFIXES = (".csv", ".tsv", ".md", ".markdown", ".jsonl", ".ndjson", ".json", ".txt")
"""Endings of the files that are looked for in a folder."""


def read_tables(content: bytes, name: str = "") -> Reading:
    """Read every table of a file.

    Args:
        content: Its bytes.
        name: What messages call it; its ending tells the format, where it has a known one.

    Returns:
        The tables, and remarks on every line that is in none. Never raises for what the bytes are.
    """
    text, remarks = decode(content)
    reading = _read(text, PurePath(name).suffix.lower())
    return Reading(
        tables=tuple(evolve(table, file=name) for table in reading.tables),
        remarks=tuple(evolve(remark, file=name) for remark in (*remarks, *reading.remarks)),
        text=text,
    )


def _read(text: str, suffix: str) -> Reading:
    if suffix in (".md", ".markdown"):
        return markdown_tables(text)
    if suffix in (".jsonl", ".ndjson", ".json") or text.lstrip()[:1] in ("{", "["):
        return json_table(text)
    if suffix == ".tsv":
        return delimited_table(text, "\t")
    if suffix == ".csv":
        return delimited_table(text)
    first = next((line for line in text.splitlines() if line.strip()), "")
    if first.startswith(("|", "#")) or "|" in first or delimiter_of(text) not in first:
        return markdown_tables(text)
    return delimited_table(text)
