"""One side of a comparison, from however many files."""

import json
from pathlib import Path

import pytest
from fakes.cells import METHODS, TASKS, table, values, write

from rephase.judging import Decision, judge_tables, read_side
from rephase.judging.samples import sample
from rephase.judging.sides import stand_ins


@pytest.fixture
def recorded(tmp_path):
    return table(tmp_path / "recorded.csv", values(6))


@pytest.mark.parametrize("count", [2, 3, 4, 5, 12])
def test_stand_ins_have_the_stated_moments(count):
    moments = sample(stand_ins(10.0, 3.0, count))
    assert (moments.count, moments.mean, moments.sd) == (count, pytest.approx(10), pytest.approx(3))


def test_public_curves_a_file_a_task_are_read_at_their_last_step(tmp_path):
    for side, draw in (("recorded", 6), ("rerun", 100)):
        for (method, task, seed), value in values(draw).items():
            path = tmp_path / side / method / f"{task}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text() if path.exists() else "step,reward,seed\n"
            path.write_text(text + f"0,1.5,{seed}\n500000,{value},{seed}\n")
    verdict = judge_tables(tmp_path / "recorded", tmp_path / "rerun")
    assert verdict.decision is Decision.PASS
    assert {(cell.config, cell.task, len(cell.reproduced)) for cell in verdict.verdict.cells} == {
        (method, task, 5) for method in METHODS for task in TASKS
    }
    assert any(
        "80 rows with steps the last of each of 40 runs counts: step 500,000" in n for n in verdict.verdict.notes
    )


def test_rows_that_stand_twice_are_findings_and_two_values_of_a_run_are_invalid(recorded, tmp_path):
    rows = [(*run, value) for run, value in values(100).items()]
    once_more = judge_tables(recorded, write(tmp_path / "a.csv", [*rows, rows[0]]))
    assert (once_more.decision, [str(remark) for remark in once_more.remarks]) == (
        Decision.PASS,
        ["a.csv, line 42: the row once more; a.csv line 2 has the same value"],
    )
    other = judge_tables(recorded, write(tmp_path / "b.csv", [*rows, (*rows[0][:3], 1.0)]))
    assert (other.decision, other.exit_code) == (Decision.INVALID, 5)
    assert "b.csv line 42" in other.reason


def test_two_values_at_one_last_step_are_seen(recorded, tmp_path):
    rows = [(*run, 100, value) for run, value in values(100).items()]
    side = write(tmp_path / "x.csv", [*rows, (*rows[0][:4], 1.0)], "method,task,seed,step,reward")
    assert judge_tables(recorded, side).decision is Decision.INVALID
    earlier = write(tmp_path / "y.csv", [(*rows[0][:3], 50, 1.0), *rows], "method,task,seed,step,reward")
    assert judge_tables(recorded, earlier).decision is Decision.PASS


def test_recorded_outcomes_of_a_phase_are_a_side_and_other_sources_are_none_of_it():
    phase5 = Path(__file__).parents[3] / "reproductions/phase5/logged.recorded.json"
    side = read_side(phase5)
    recorded = json.loads(phase5.read_text())
    own = [one for one in recorded["outcomes"] if one.get("source", recorded["source"]) == recorded["source"]]
    assert sum(map(len, side.values.values())) == len(own)
