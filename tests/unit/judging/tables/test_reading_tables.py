"""The one reader of tables: every table-like line is read or has a remark with its line."""

import csv
import io
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from rephase.judging.tables import entries_of, read_tables


def read(text, name="log.md"):
    """Entries of all tables and every remark, of lines and of tables."""
    reading = read_tables(text if isinstance(text, bytes) else text.encode(), name)
    found = [entries_of(table) for table in reading.tables]
    remarks = [*reading.remarks, *(remark for one in found for remark in one.remarks)]
    return [entry for one in found for entry in one.entries], remarks


NAMES = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=8).map(lambda name: f"m{name}")
RUNS = st.dictionaries(
    st.tuples(NAMES, NAMES, st.integers(0, 10**9)),
    st.floats(-1e12, 1e12, allow_nan=False).map(lambda value: round(value, 6)),
    min_size=1,
    max_size=12,
)


@settings(deadline=None, max_examples=60)
@given(RUNS, st.sampled_from(["csv", "tsv", "md", "jsonl"]))
def test_a_table_reads_back_whole(runs, suffix):
    rows = [[method, task, str(seed), f"{value:.6f}"] for (method, task, seed), value in runs.items()]
    columns = ["method", "task", "seed", "reward"]
    if suffix == "md":
        text = "\n".join("| " + " | ".join(row) + " |" for row in [columns, ["---"] * 4, *rows])
    elif suffix == "jsonl":
        text = "\n".join(json.dumps(dict(zip(columns, row, strict=True))) for row in rows)
    else:
        stream = io.StringIO()
        csv.writer(stream, delimiter="," if suffix == "csv" else "\t").writerows([columns, *rows])
        text = stream.getvalue()
    entries, remarks = read(text, f"x.{suffix}")
    assert {(one.method, one.task, one.seed): one.figure.value for one in entries} == runs
    assert remarks == []


CELLS = st.sampled_from(["Config", "Task", "Seed", "Reward", "a", "1", "5.0 ± 1", "nan", "---", "", "QUEUED", "7_1"])
LINES = st.lists(CELLS, min_size=2, max_size=5).map(lambda cells: f"| {' | '.join(cells)} |")
OTHERS = st.sampled_from(
    ["", "prose", "## Phase 3", "|---|---|---|---|", "```", "<!--", "-->", "| Config | Task | Seed |"]
)


@settings(deadline=None, max_examples=150)
@given(st.lists(LINES | OTHERS, max_size=14))
def test_no_line_of_a_table_is_lost(lines):
    reading = read_tables("\n".join(lines).encode(), "log.md")
    accounted = {number for remark in reading.remarks for number in remark.lines}
    for table in reading.tables:
        accounted |= {table.line, *(row.line for row in table.rows)}
        found = entries_of(table)
        if found.shape == "runs":
            told = {entry.line for entry in found.entries} | {n for one in found.remarks for n in one.lines}
            assert {row.line for row in table.rows} <= told
    barred = {
        at
        for at, line in enumerate(lines, 1)
        if line.count("|") > 1 and not set(line) <= set("|- ")  # a rule holds no figure
    }
    assert barred <= accounted
