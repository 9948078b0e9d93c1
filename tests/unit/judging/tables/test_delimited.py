"""Separated values and JSON lines are one table each."""

from rephase.judging.tables import entries_of, read_tables


def read(text, name="log.md"):
    """Entries of all tables and every remark, of lines and of tables."""
    reading = read_tables(text if isinstance(text, bytes) else text.encode(), name)
    found = [entries_of(table) for table in reading.tables]
    remarks = [*reading.remarks, *(remark for one in found for remark in one.remarks)]
    return [entry for one in found for entry in one.entries], remarks


def test_semicolons_decimal_commas_tabs_and_json_lines_are_read():
    entries, remarks = read("method;task;seed;reward\na;t;1;5,25\n", "x.csv")
    assert entries[0].figure.value == 5.25
    assert [remark.lines for remark in remarks] == [(2,)]
    assert read("method\ttask\tseed\treward\na\tt\t1\t5\n", "x.tsv")[0][0].figure.value == 5.0
    lines = '{"config": {"method": "a"}, "method": "a", "task": "t", "seed": 1, "reward": 5}\n{broken\n7\n'
    entries, remarks = read(lines, "x.jsonl")
    assert [one.figure.value for one in entries] == [5.0]
    assert [remark.lines for remark in remarks] == [(2,), (3,)]
