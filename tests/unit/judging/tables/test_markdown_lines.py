"""Tables among the lines of a text: which lines belong to them and which are named."""

import pytest

from rephase.judging.tables import entries_of, read_tables

HEADING = "| Config | Task | Seed | Reward |\n|---|---|---|---|\n"


def read(text, name="log.md"):
    """Entries of all tables and every remark, of lines and of tables."""
    reading = read_tables(text if isinstance(text, bytes) else text.encode(), name)
    found = [entries_of(table) for table in reading.tables]
    remarks = [*reading.remarks, *(remark for one in found for remark in one.remarks)]
    return [entry for one in found for entry in one.entries], remarks


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
