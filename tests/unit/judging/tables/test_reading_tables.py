"""The one reader of tables: every table-like line is read or has a remark with its line."""

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rephase.judging.tables import Figure, entries_of, figure, lines_named, read_tables

HEADING = "| Config | Task | Seed | Reward |\n|---|---|---|---|\n"


def read(text, name="log.md"):
    """Entries of all tables and every remark, of lines and of tables."""
    reading = read_tables(text if isinstance(text, bytes) else text.encode(), name)
    found = [entries_of(table) for table in reading.tables]
    remarks = [*reading.remarks, *(remark for one in found for remark in one.remarks)]
    return [entry for one in found for entry in one.entries], remarks


@pytest.mark.parametrize(
    ("cell", "value", "spread", "count"),
    [
        ("957.72 ± 27.5", 957.72, 27.5, None),
        ("902.00 ± 12.00 (n=3)", 902.0, 12.0, 3),
        ("902.00 ± - (n=1)", 902.0, None, 1),
        ("**957.72 \\pm 27.5** (3 seeds)", 957.72, 27.5, 3),
        ("957.72 (27.5)", 957.72, 27.5, None),
        ("\u2212957.72", -957.72, None, None),
        ("1,234.5", 1234.5, None, None),
        ("957,72", 957.72, None, None),
        ("9.5e2 +/- 1e1", 950.0, 10.0, None),
        ("5.5*", 5.5, None, None),
        ("890 - 914", None, None, None),
        ("902 / 890", None, None, None),
        ("880 \u2192 902", None, None, None),
        ("880 -> 902", None, None, None),
        ("880 \u2013 902", None, None, None),
        ("902 of 1000", None, None, None),
        ("902 vs. 890", None, None, None),
        ("(12.0)", None, None, None),
        ("[12.0]", None, None, None),
        ("~0.5", None, None, None),
        ("> 900", None, None, None),
        ("~~890.0~~", None, None, None),
        ("nan ± nan", None, None, None),
        ("inf", None, None, None),
        ("1e999", None, None, None),
        ("1,234", None, None, None),
        ("CUDA OOM", None, None, None),
    ],
)
def test_a_cell_is_a_figure_or_has_a_reason(cell, value, spread, count):
    found = figure(cell)
    if value is None:
        assert isinstance(found, str)
        assert found
    else:
        assert isinstance(found, Figure)
        assert (found.value, found.spread, found.count) == (value, spread, count)


@pytest.mark.parametrize("name", ["Algo", "Model", "Agent", "Method", "Variant", "`Config`", "**Algorithm**"])
def test_a_method_column_has_many_names(name):
    entries, remarks = read(f"| {name} | Env | Seed | Episode Reward |\n|---|---|---|---|\n| a | hop | 1 | 5 |\n")
    assert [(one.method, one.task, one.seed, one.figure.value) for one in entries] == [("a", "hop", 1, 5.0)]
    assert remarks == []


def test_rows_after_a_blank_line_belong_to_the_table():
    entries, remarks = read(HEADING + "| a | t | 1 | 5 |\n\n| b | t | 1 | 6 |\n\n\n| c | t | 1 | 7 |\n")
    assert [one.method for one in entries] == ["a", "b", "c"]
    assert [(remark.lines, remark.is_loss) for remark in remarks] == [((5,), False), ((8,), False)]


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_a_separator_of_unicode_ends_no_row(separator):
    entries, remarks = read(HEADING + f"| a{separator}b | t | 1 | 5 |\n| c | t | 2 | x |\n")
    assert [(one.line, one.seed) for one in entries] == [(3, 1)]
    assert [remark.lines for remark in remarks] == [(4,)]


@pytest.mark.parametrize(("before", "after"), [("<!--\n", "-->\n"), ("```\n", "```\n"), ("~~~~text\n", "~~~~\n")])
def test_what_is_commented_out_or_quoted_is_no_outcome_and_is_named(before, after):
    entries, remarks = read(before + HEADING + "| a | t | 1 | 5 |\n" + after + HEADING + "| b | t | 1 | 6 |\n")
    assert [one.method for one in entries] == ["b"]
    assert [(remark.lines, remark.is_loss) for remark in remarks] == [((2, 4), False)] or remarks[0].lines[0] == 2


@pytest.mark.parametrize("opened", ["<!--\n", "```\n"])
def test_what_is_opened_and_never_closed_hides_nothing(opened):
    entries, remarks = read("text\n" + opened + HEADING + "| a | t | 1 | 5 |\n")
    assert len(entries) == 1
    assert [(remark.lines, remark.is_loss) for remark in remarks] == [((2,), True)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("prose\n\n| a | t | 1 | 5 |\n", 3),
        (HEADING + "| a | t | 1 | 5 |\n\nprose\n\n| b | t | 1 | 6 |\n", 7),
        (HEADING + "| a | t | 1 | 5 |\n\n| b | t | 6 |\n", 5),
        (HEADING + "| a | t | 1 | 5 | 6 |\n", 3),
        ("<table><tr><td>5</td></tr></table>\n", 1),
    ],
)
def test_a_line_that_is_in_no_table_is_named(text, line):
    _, remarks = read(text)
    assert [remark.lines for remark in remarks if remark.is_loss] == [(line,)]


def test_a_table_without_a_rule_and_one_drawn_with_plus_signs_are_read():
    bare = "| Config | Task | Seed | Reward |\n| a | t | 1 | 5 |\n"
    drawn = "+---+---+\n| Config | Task | Seed | Reward |\n+---+---+\n| a | t | 1 | 5 |\n+---+---+\n"
    for text in (bare, drawn):
        entries, _ = read(text)
        assert [(one.method, one.seed) for one in entries] == [("a", 1)]


def test_metrics_in_rows_and_seeds_in_columns_are_read():
    long = "method,task,seed,metric,value\na,t,1,reward,5\na,t,1,plan reward,6\na,t,1,loss_curve,7\n"
    entries, remarks = read(long, "runs.csv")
    assert [(one.figure.value, one.second) for one in entries] == [(5.0, 6.0)]
    assert [(remark.lines, remark.is_loss) for remark in remarks] == [((4,), False)]
    entries, _ = read("method,task,seed 1,seed 2\na,t,5,6\n", "runs.csv")
    assert [(one.seed, one.figure.value) for one in entries] == [(1, 5.0), (2, 6.0)]


def test_statistics_stand_in_the_cell_or_beside_it():
    beside = "method,task,mean,std,n\na,t,5,1.5,3\n"
    wide = "| Task | a | b |\n|---|---|---|\n| t | 5.0 ± 1.5 (n=3) | 6.0 ± 0.5 |\n"
    tall = "| Method | t | u |\n|---|---|---|\n| a | 5.0 ± 1.5 (n=3) | 6 ± 2 |\n"
    assert [(e.method, e.task, e.figure.spread, e.figure.count) for e in read(beside, "x.csv")[0]] == [
        ("a", "t", 1.5, 3)
    ]
    assert [(e.method, e.task, e.figure.spread, e.figure.count) for e in read(wide)[0]] == [
        ("a", "t", 1.5, 3),
        ("b", "t", 0.5, None),
    ]
    assert [(e.method, e.task, e.figure.spread) for e in read(tall)[0]] == [("a", "t", 1.5), ("a", "u", 2.0)]


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


def test_semicolons_decimal_commas_tabs_and_json_lines_are_read():
    entries, remarks = read("method;task;seed;reward\na;t;1;5,25\n", "x.csv")
    assert entries[0].figure.value == 5.25
    assert [remark.lines for remark in remarks] == [(2,)]
    assert read("method\ttask\tseed\treward\na\tt\t1\t5\n", "x.tsv")[0][0].figure.value == 5.0
    lines = '{"config": {"method": "a"}, "method": "a", "task": "t", "seed": 1, "reward": 5}\n{broken\n7\n'
    entries, remarks = read(lines, "x.jsonl")
    assert [one.figure.value for one in entries] == [5.0]
    assert [remark.lines for remark in remarks] == [(2,), (3,)]


def test_line_numbers_in_words():
    assert lines_named([3]) == "line 3"
    assert lines_named([3, 4, 5, 9]) == "lines 3-5 and 9"


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
