"""Names of runs and files, taken apart."""

import pytest
from fakes.cells import TASKS, values, write

from rephase.judging import Decision, judge_tables
from rephase.judging.tables.run_names import RunName, run_name


def test_exports_of_trackers_are_read(tmp_path):
    for side, draw in (("recorded", 6), ("rerun", 100)):
        runs = {f"sac/{task}/seed_{seed}": v for (m, task, seed), v in values(draw).items() if m == "sac"}
        heading = ",".join(["Step", *(f"{run} - eval/reward,{run} - eval/reward__MIN" for run in runs)])
        rows = [",".join([str(step), *(f"{value if step else 1.0},0" for value in runs.values())]) for step in (0, 100)]
        (tmp_path / f"{side}.csv").write_text("\n".join([heading, *rows]))
        for (method, task, seed), value in values(draw).items():
            path = tmp_path / side / f"{method}/{task}/run-seed_{seed}-tag-eval_return.csv"
            write(path, [(1.7e9, 0, 1.0), (1.7e9, 100, value)], "Wall time,Step,Value")
    curves = judge_tables(tmp_path / "recorded.csv", tmp_path / "rerun.csv")
    assert [(cell.config, cell.task) for cell in curves.verdict.cells] == [("sac", task) for task in TASKS]
    said = " ".join(curves.text.split())
    assert "value from 'eval/reward'" in said
    told = judge_tables(tmp_path / "recorded.csv", tmp_path / "rerun.csv", columns={"value": "eval/reward"})
    assert [cell.upper for cell in told.verdict.cells] == [cell.upper for cell in curves.verdict.cells]
    scalars = judge_tables(tmp_path / "recorded", tmp_path / "rerun")
    assert len(scalars.verdict.cells) == 8
    assert {curves.decision, scalars.decision} == {Decision.PASS}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sac/hop/seed-3", RunName("sac", "hop", 3)),
        ("hop.csv", RunName("", "hop", None)),
        ("sac/hop.csv", RunName("sac", "hop", None)),
        ("HalfCheetah-v4__ppo__1__1700000000", RunName("ppo", "HalfCheetah-v4", 1)),
        ("run-hop_seed2-tag-eval_return.csv", RunName("", "hop", 2)),
        ("hop-7", RunName("", "hop", 7)),
    ],
)
def test_names_of_runs_are_taken_apart(name, expected):
    assert run_name(name) == expected
