"""Two tables on a command line: what they cannot say of themselves is said by options."""

import pytest

TABLE = "who,env,seed,points\n" + "".join(f"a,t,{seed},{value}\n" for seed, value in ((1, 90), (2, 100), (3, 110)))
COLUMNS = ("--method", "who", "--value", "points")


@pytest.fixture
def tables(tmp_path):
    (tmp_path / "recorded.csv").write_text(TABLE)
    (tmp_path / "rerun.csv").write_text(TABLE.replace(",90", ",91"))
    return tmp_path / "recorded.csv", tmp_path / "rerun.csv"


def test_a_faithful_rerun_passes_by_the_columns_it_was_told(tables, command):
    code, text, _ = command("judge", *tables, *COLUMNS)
    assert code == 0
    assert text.rstrip().rpartition("\n\n")[2].startswith("PASS:")


def test_a_column_that_is_not_there_is_named(tables, command):
    code, _, error = command("judge", *tables, "--value", "pionts")
    assert code == 2
    assert "unknown column 'pionts'; did you mean 'points'?" in error


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("-", "-"), "both sides are standard input"),
        (("here", "here", "--n", "0"), "--n is 0, expected 1 or more"),
    ],
)
def test_what_cannot_be_meant_is_refused(words, problem, tables, command):
    code, _, error = command("judge", *(tables[0] if word == "here" else word for word in words), *COLUMNS)
    assert code == 2
    assert problem in error


def test_the_page_is_written_where_it_was_asked_for(tables, command, tmp_path):
    page = tmp_path / "pages/out.html"
    code, _, error = command("judge", *tables, *COLUMNS, "--report", page)
    assert code == 0
    assert f"wrote {page}" in error
    assert page.read_text().startswith("<!DOCTYPE html>")
