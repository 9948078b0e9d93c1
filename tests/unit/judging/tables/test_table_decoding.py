"""Bytes become text whatever editors left."""

import pytest

from rephase.judging.tables import entries_of, read_tables

HEADING = "| Config | Task | Seed | Reward |\n|---|---|---|---|\n"


def read(text, name="log.md"):
    """Entries of all tables and every remark, of lines and of tables."""
    reading = read_tables(text if isinstance(text, bytes) else text.encode(), name)
    found = [entries_of(table) for table in reading.tables]
    remarks = [*reading.remarks, *(remark for one in found for remark in one.remarks)]
    return [entry for one in found for entry in one.entries], remarks


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"])
def test_encodings_are_recognised(encoding):
    text = "method,task,seed,reward\nflüssig ± a,t,1,5\n"
    entries, remarks = read(text.encode(encoding), "x.csv")
    assert [one.method for one in entries] == ["flüssig ± a"]
    assert [remark.lines for remark in remarks] == ([(2,)] if encoding == "cp1252" else [])


def test_lines_of_two_encodings_are_each_read_in_their_own():
    content = HEADING.encode() + "| ü | t | 1 | 5 |\n".encode() + "| ö | t | 1 | 6 |\n".encode("cp1252")
    entries, remarks = read(content)
    assert [one.method for one in entries] == ["ü", "ö"]
    assert [(remark.lines, remark.is_loss) for remark in remarks] == [((4,), False)]
