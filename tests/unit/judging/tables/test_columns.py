"""Columns are recognised by their usual names."""

import pytest

from rephase.judging.tables import entries_of, read_tables


def read(text, name="log.md"):
    """Entries of all tables and every remark, of lines and of tables."""
    reading = read_tables(text if isinstance(text, bytes) else text.encode(), name)
    found = [entries_of(table) for table in reading.tables]
    remarks = [*reading.remarks, *(remark for one in found for remark in one.remarks)]
    return [entry for one in found for entry in one.entries], remarks


@pytest.mark.parametrize("name", ["Algo", "Model", "Agent", "Method", "Variant", "`Config`", "**Algorithm**"])
def test_a_method_column_has_many_names(name):
    entries, remarks = read(f"| {name} | Env | Seed | Episode Reward |\n|---|---|---|---|\n| a | hop | 1 | 5 |\n")
    assert [(one.method, one.task, one.seed, one.figure.value) for one in entries] == [("a", "hop", 1, 5.0)]
    assert remarks == []
