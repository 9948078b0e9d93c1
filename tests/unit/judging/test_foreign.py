"""Any lab's two tables: read in the shapes labs write, judged by the rules of phases."""

import contextlib
import json
import math

import pytest
from fakes.cells import METHODS, SEEDS, TASKS, table, values, write
from hypothesis import given, settings
from hypothesis import strategies as st

from rephase.errors import ManifestError, UnknownName, UsageError
from rephase.judging import Decision, judge_sides, judge_tables, read_side
from rephase.judging.foreign import rules_for
from rephase.judging.samples import sample
from rephase.judging.sides import side_of


@pytest.fixture
def recorded(tmp_path):
    return table(tmp_path / "recorded.csv", values(6))


def test_a_faithful_rerun_passes_and_other_shapes_say_the_same(recorded, tmp_path):
    rerun = values(100)
    verdict = judge_tables(recorded, table(tmp_path / "rerun.csv", rerun), returns=(0, 1000))
    assert (verdict.decision, verdict.exit_code, verdict.remarks) == (Decision.PASS, 0, ())
    assert len(verdict.verdict.cells) == 8
    wide = tmp_path / "wide.md"
    lines = ["| Method | Task | seed 1 | seed 2 | seed 3 | seed 4 | seed 5 |", "|---|---|---|---|---|---|---|"]
    for method in METHODS:
        for task in TASKS:
            cells = [str(rerun[method, task, seed]) for seed in SEEDS]
            lines.append(f"| **{method.upper()}** | {task} | {' | '.join(cells)} |")
    wide.write_text("\n".join(lines))
    rows = [json.dumps({"method": m, "task": t, "seed": s, "return": v}) for (m, t, s), v in rerun.items()]
    (tmp_path / "rerun.jsonl").write_text("\n".join(rows))
    for other in (wide, tmp_path / "rerun.jsonl"):
        same = judge_tables(recorded, other, returns=(0, 1000))
        assert same.decision is Decision.PASS
        assert [cell.upper for cell in same.verdict.cells] == [cell.upper for cell in verdict.verdict.cells]


def test_the_planted_collapse_fails_and_a_single_collapsed_run_never_passes(recorded, tmp_path):
    collapsed = {run: 0.3 * v if run[:2] == ("sac", "walk") else v for run, v in values(100).items()}
    verdict = judge_tables(recorded, table(tmp_path / "a.csv", collapsed))
    assert (verdict.decision, verdict.exit_code) == (Decision.FAIL, 1)
    assert "sac/walk" in verdict.reason
    single = values(100) | {("sac", "walk", 3): 0.0}
    assert judge_tables(recorded, table(tmp_path / "b.csv", single)).decision is not Decision.PASS


def test_means_and_spreads_are_judged_like_the_values_they_are_of(recorded, tmp_path):
    rerun = values(100)
    plain = judge_tables(recorded, table(tmp_path / "rerun.csv", rerun))
    lines = ["| Task | sac | ppo |", "|---|---|---|"]
    rows = []
    for task in TASKS:
        cells = []
        for method in METHODS:
            moments = sample([rerun[method, task, seed] for seed in SEEDS])
            cells.append(f"{moments.mean!r} ± {moments.sd!r} (n=5)")
            rows.append((method, task, moments.mean, moments.sd / math.sqrt(5), 5))
        lines.append(f"| {task} | {' | '.join(cells)} |")
    (tmp_path / "summary.md").write_text("\n".join(lines))
    errors = write(tmp_path / "errors.csv", rows, "method,task,mean,stderr,n")
    for side in (tmp_path / "summary.md", errors):
        verdict = judge_tables(recorded, side)
        assert [cell.upper for cell in verdict.verdict.cells] == pytest.approx([c.upper for c in plain.verdict.cells])
        assert any("collapsed run" in note for note in verdict.verdict.notes)


def test_a_spread_that_says_of_how_many_seeds_is_needed(recorded, tmp_path):
    rows = [(method, task, 500, 20) for method in METHODS for task in TASKS]
    side = write(tmp_path / "means.csv", rows, "method,task,mean,std")
    with pytest.raises(ManifestError, match="--n 5"):
        judge_tables(recorded, side)
    assert judge_tables(recorded, side, seeds=5).decision is Decision.FAIL


def test_one_row_a_run_with_many_columns_is_read_and_columns_can_be_told(tmp_path):
    columns = "exp_name,task,general.seed,train/reward,eval/reward,runtime"
    rows = [(m, t, s, 0.1, v, 3600) for (m, t, s), v in values(6).items()]
    recorded = write(tmp_path / "recorded.csv", rows, columns)
    with pytest.raises(UnknownName, match=r"unknown column 'general\.sed'; did you mean 'general\.seed'"):
        judge_tables(recorded, recorded, columns={"seed": "general.sed"})
    rerun = write(tmp_path / "rerun.csv", [(m, t, s, 0.1, v, 60) for (m, t, s), v in values(100).items()], columns)
    verdict = judge_tables(recorded, rerun, columns={"seed": "general.seed"})
    assert verdict.decision is Decision.PASS
    assert all(len(cell.reproduced) == 5 for cell in verdict.verdict.cells)
    side = read_side(recorded, {"seed": "general.seed"})
    assert (len(side.costs), side.cost_unit) == (40, "runtime")


def test_a_number_in_a_name_is_no_seed_where_a_column_says_the_seed(tmp_path):
    for task in ("task-1", "task-2"):
        write(tmp_path / f"ppo/{task}.csv", [(100, 5.0, 1), (100, 6.0, 2)], "step,reward,seed")
    side = read_side(tmp_path)
    assert {tuple(side.titles[name] for name in cell): len(runs) for cell, runs in side.values.items()} == {
        ("ppo", "task-1"): 2,
        ("ppo", "task-2"): 2,
    }


@pytest.mark.parametrize("cell", ["nan", "inf", "-inf", "CUDA OOM", "~0.5", "902 (12"])
def test_a_row_that_is_not_read_never_lets_a_rerun_pass(recorded, tmp_path, cell):
    rows = [(*run, value) for run, value in values(100).items()]
    rows[3] = (*rows[3][:3], cell)
    verdict = judge_tables(recorded, write(tmp_path / "rerun.csv", rows))
    assert (verdict.decision, verdict.exit_code) == (Decision.INCONCLUSIVE, 4)
    assert [remark.where for remark in verdict.remarks] == ["rerun.csv, line 5"]
    assert "rerun.csv, line 5" in verdict.reason


def test_missing_cells_are_open_and_others_are_named(recorded, tmp_path):
    part = {run: value for run, value in values(100).items() if run[1] != "swim"}
    part |= {("td3", "hop", 1): 5.0}
    verdict = judge_tables(recorded, table(tmp_path / "part.csv", part))
    assert verdict.decision is Decision.INCONCLUSIVE
    assert "not in the rerun: sac on swim, ppo on swim" in verdict.reason
    assert "not in the record and not judged: td3 on hop" in verdict.verdict.notes
    with pytest.raises(UsageError, match="no method on a task in common"):
        judge_tables(recorded, table(tmp_path / "other.csv", {("td3", "hop", 1): 5.0}))


def test_unequal_and_single_seeds_and_no_spread_are_judged(tmp_path):
    recorded = write(tmp_path / "recorded.csv", [("a", "t", s, 100.0) for s in range(6)], "method,task,seed,reward")
    single = write(tmp_path / "single.csv", [("a", "t", 9, 100.5)], "method,task,seed,reward")
    assert judge_tables(recorded, single).decision is Decision.PASS
    far = write(tmp_path / "far.csv", [("a", "t", 9, 150.0)], "method,task,seed,reward")
    assert judge_tables(recorded, far).decision is Decision.FAIL
    assert judge_tables(single, far).decision is Decision.INCONCLUSIVE


def test_values_of_any_size_and_direction_are_judged(tmp_path):
    def side(name, factor):
        rows = [(m, "val", s, factor * v * (1 + s / 500)) for m, v in (("a", 0.021), ("b", 0.034)) for s in (1, 2, 3)]
        return write(tmp_path / name, rows, "model,dataset,seed,loss")

    verdict = judge_tables(
        side("x.csv", 1), side("y.csv", 1.0001), columns={"task": "dataset", "value": "loss"}, lower_is_better=True
    )
    assert verdict.decision is Decision.PASS
    assert "0.02108 ± 0.00004" in verdict.text
    assert "shifts of up to 0.000" in verdict.reason
    [claim] = verdict.verdict.claims
    assert (claim.claim.better, claim.claim.worse, claim.status.value) == ("a", "b", "ESTABLISHED")
    assert any("2% of the mean size" in note for note in verdict.verdict.notes)


def test_a_range_bounds_values_and_sets_the_floor(recorded, tmp_path):
    outside = table(tmp_path / "outside.csv", values(100) | {("sac", "hop", 1): 1001.0})
    assert judge_tables(recorded, outside, returns=(0, 1000)).decision is Decision.INVALID
    rules, words = rules_for(read_side(recorded), (0, 1000), None, None)
    assert (rules.floor, words[:42]) == (20.0, "floor: a shift of 20 matters to nobody (2%")
    with pytest.raises(UsageError, match="the lower first"):
        judge_tables(recorded, outside, returns=(1000, 0))
    with pytest.raises(UsageError, match="0 or more"):
        judge_tables(recorded, outside, floor=-1)


def test_a_table_without_a_value_says_what_it_has(tmp_path):
    side = write(tmp_path / "x.csv", [("a", 1, 5)], "agent,seed,rewad")
    with pytest.raises(ManifestError) as raised:
        judge_tables(side, side)
    assert "columns agent, seed, rewad; nearest to a reward: 'rewad'" in str(raised.value)
    with pytest.raises(UsageError, match="cannot be read"):
        read_side(tmp_path / "gone.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no table"):
        read_side(tmp_path / "empty")


LETTERS = st.sampled_from('method,task seed\n|-12.5±nan{}[]\t;"')


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=200) | st.text(LETTERS, max_size=120).map(str.encode))
def test_no_bytes_whatever_end_in_a_traceback(content):
    for name in ("x.csv", "x.md", "x.jsonl", "x"):
        with contextlib.suppress(UsageError):
            side = side_of("x", {name: content}, is_folder=True)
            verdict = judge_sides(side, side)
            assert verdict.text
            json.dumps(verdict.to_json(), allow_nan=False)
