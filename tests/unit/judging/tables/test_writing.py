"""The log's tables, from the log's own numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from rephase.judging.tables import markdown, outcome_rows, summary_columns, summary_rows, titles
from rephase.manifest import Phase
from rephase.manifest.outcomes import Outcome
from rephase.reproduction.checking import recorded_outcomes
from rephase.reproduction.phases import open_phase

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def logged() -> Phase:
    return open_phase("phase3", "logged", ROOT)


def test_the_logs_rows_come_out_as_they_went_in(logged: Phase) -> None:
    rows = outcome_rows(recorded_outcomes(logged).judged, titles(logged))

    assert len(rows) == 18
    assert rows[0] == ["baseline", "reacher-easy", "42", "981.20", "981.70"]
    assert rows[-1] == ["flow policy", "cheetah-run", "456", "120.52", "110.27"]


def test_the_summary_states_sample_deviations(logged: Phase) -> None:
    assert summary_columns(logged) == ["Task", "baseline", "flow policy", "Winner"]
    assert summary_rows(logged, recorded_outcomes(logged).judged) == [
        ["reacher-easy", "982.30 ± 1.15 (n=3)", "980.67 ± 3.52 (n=3)", "tie"],
        ["walker-stand", "957.72 ± 29.76 (n=3)", "839.78 ± 88.42 (n=3)", "baseline (+14%)"],
        ["cheetah-run", "112.49 ± 20.89 (n=3)", "98.75 ± 20.08 (n=3)", "tie"],
    ]


def test_partial_phases_say_what_is_missing(logged: Phase) -> None:
    one = [Outcome(config="baseline", task="walker-stand", seed=42, reward=972.32)]

    assert outcome_rows(one, titles(logged)) == [["baseline", "walker-stand", "42", "972.32", "-"]]
    assert summary_rows(logged, one)[1] == ["walker-stand", "972.32 ± - (n=1)", "-", "-"]


def test_markdown() -> None:
    assert markdown(["A", "B"], [["1", "2"]]) == "| A | B |\n| --- | --- |\n| 1 | 2 |"


def test_what_a_name_says_is_no_markup_and_ends_no_cell() -> None:
    text = markdown(["Config"], [["a|b"], ["<script>x</script>"], ["\u202eesrever"], ["two\nlines"], ["euler_fast"]])

    assert text.splitlines()[2:] == [
        "| a\\|b |",
        "| &lt;script&gt;x&lt;/script&gt; |",
        "| \\\\u202eesrever |",
        "| two lines |",
        "| euler_fast |",
    ]
