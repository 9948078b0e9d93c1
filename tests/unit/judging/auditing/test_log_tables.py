"""Outcome tables of a log: found, read and refused as they are written."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rephase.errors import ManifestError
from rephase.judging.auditing import Standing, audit, parse_log, read_log

OUTCOMES = """\
# Experiment log

## Phase 3: baseline against flow policy (COMPLETED)

| Config | Task | Seed | Reward | Plan Reward | Job |
|--------|:-----|-----:|-------:|-------------|-----|
| **baseline** | walker-stand | 42 | 972.32 | 943.97 | 4011713_3 |
| **baseline** | walker-stand | 123 | 923.48 | 933.11 | 4011713_4 |
| **baseline** | walker-stand | 456 | 977.35 | 978.33 | 4011713_5 |
| flow policy | walker-stand | 42 | 854.53 | 864.39 | 4011740_3 |
| flow policy | `walker-stand` | 123 | 744.92 | 796.67 | 4011714_4 |
| flow policy | walker-stand | 456 | 919.90 | 933.66 | 4011740_5 |
"""


SUMMARY = """
| Task | Baseline (mean {0} std) | Flow Policy | Winner |
|---|---|---|---|
| walker-stand | **957.72 {0} 27.5** | 839.78{0}87.6 | Baseline (+14%) |
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_file_is_read_in_the_encodings_editors_leave(tmp_path, encoding):
    path = tmp_path / "log.md"
    path.write_bytes((OUTCOMES + SUMMARY.format("±")).encode(encoding))
    (phase,) = read_log(path).phases
    assert [row.spread for row in phase.summary] == [27.5, 87.6]


def test_utf8_read_as_cp1252_and_saved_again_is_read(tmp_path):
    path = tmp_path / "log.md"
    path.write_text((OUTCOMES + SUMMARY.format("±")).encode("utf-8").decode("cp1252"), encoding="utf-8")
    (phase,) = read_log(path).phases
    assert [row.spread for row in phase.summary] == [27.5, 87.6]


def test_the_audit_of_a_log_finds_what_the_audit_of_its_record_finds():
    (phase,) = parse_log(OUTCOMES + SUMMARY.format("Â±")).phases
    found = {(f.check, f.standing) for f in audit(phase) if f.needs_attention}
    assert ("spread", Standing.DIFFERS) in found
    assert ("claim", Standing.UNSUPPORTED) in found


def test_tables_belong_to_the_phase_above_them():
    later = OUTCOMES.replace("Phase 3", "Phase 5").replace("flow policy", "euler_fast")
    phases = parse_log(OUTCOMES + later).phases
    assert [(one.phase, len(one.outcomes)) for one in phases] == [("phase3", 6), ("phase5", 6)]
    assert phases[1].outcomes[3].config == "euler-fast"


def test_runs_without_an_outcome_are_no_outcomes():
    text = OUTCOMES + "| flow policy | cheetah-run | 42 | QUEUED | - | 4012433_6 |\n"
    assert len(parse_log(text).phases[0].outcomes) == 6


def test_a_row_that_cannot_be_read_is_a_finding_and_the_rest_is_audited():
    text = OUTCOMES.replace("| 972.32 |", "| 97x.32 |").replace("| 123 | 923.48", "| 1.5 | 923.48")
    log = parse_log(text + "| baseline | walker-stand |\n", "log.md")
    unread = [(finding.where, finding.recomputed) for finding in log.findings if finding.standing is Standing.UNREAD]
    assert unread == [
        ("log.md, line 7", "Reward is '97x.32': expected a number; fix the cell"),
        ("log.md, line 8", "Seed is '1.5': expected a whole number; fix the cell"),
        ("log.md, line 13", "2 cells, expected 6; fix the row"),
    ]
    assert len(log.phases[0].outcomes) == 4


def test_a_file_without_outcomes_says_what_was_found_and_expected(tmp_path):
    path = tmp_path / "notes.md"
    path.write_text("# Notes\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    with pytest.raises(ManifestError) as raised:
        read_log(path)
    assert str(raised.value) == (
        f"{path}: holds no outcome; found line 3: a, b; expected a table with the columns Config, Task, Seed, Reward"
        " and Plan Reward"
    )
    with pytest.raises(ManifestError, match="cannot be read"):
        read_log(tmp_path / "gone.md")


def test_a_table_after_a_heading_cut_short_is_read():
    assert parse_log(OUTCOMES.rstrip()).phases[0].outcomes[-1].reward == 919.90
    assert parse_log(OUTCOMES.replace("\n", "\r\n")).phases[0].outcomes[-1].reward == 919.90


def test_methods_are_recognised_under_their_short_names():
    text = (OUTCOMES + SUMMARY.format("±")).replace("| **baseline** |", "| `pwm_48M_mt_baseline` |")
    (phase,) = parse_log(text.replace("| flow policy |", "| `pwm_48M_mt_flowpolicy` |")).phases
    assert [(row.config, row.winner) for row in phase.summary] == [
        ("pwm-48m-mt-baseline", "pwm-48m-mt-baseline"),
        ("pwm-48m-mt-flowpolicy", "pwm-48m-mt-baseline"),
    ]


def test_a_table_without_outer_pipes_is_read():
    text = "Config | Task | Seed | Reward\n--- | --- | --- | ---\na | t | 1 | 5.5\n"
    assert parse_log(text).phases[0].outcomes[0].reward == 5.5


CELL = st.sampled_from(
    [
        "Config",
        "Task",
        "Seed",
        "Reward",
        "Plan Reward",
        "Winner",
        "baseline",
        "x",
        "-1",
        "42",
        "9" * 5000,
        "957.72 ± 27.5",
        "",
    ]
) | st.text(max_size=8)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.lists(CELL, max_size=6), max_size=8), st.text(max_size=40))
def test_no_table_whatever_makes_reading_or_auditing_crash(rows, text):
    lines = ["| Config | Task | Seed | Reward |", "|---|---|---|---|"] + ["|" + "|".join(row) + "|" for row in rows]
    for content in ("\n".join(lines), text, "\n".join([lines[-1], lines[1], *lines])):
        try:
            found = parse_log(content)
        except ManifestError:
            continue
        audit(*found.phases)
