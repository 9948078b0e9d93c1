"""A whole phase: what its decision is, and what it may not be hidden by."""

import json
import math
import random

import pytest
from attrs import evolve
from fakes.judged import CELLS, judge, record, rows
from hypothesis import given, settings
from hypothesis import strategies as st

from rephase.judging import Breach, Decision, compare_digests, verdict_text
from rephase.manifest.outcomes import Outcome


def test_the_same_values_again_are_a_pass_that_says_what_it_certifies():
    verdict = judge(rows())
    assert (verdict.decision, verdict.exit_code, verdict.breaches) == (Decision.PASS, 0, ())
    assert {cell.decision for cell in verdict.cells} == {Decision.PASS}
    assert all(cell.difference == 0.0 and 0 < cell.upper <= cell.margin for cell in verdict.cells)
    assert verdict.cells[0].reason == "a shift of up to 36.4 points (32% of the recorded mean) is left open"
    expected = "no shift shown in 6 cells; shifts of up to 154 points (18% of its mean) on flow policy/walker-stand"
    assert verdict.reason == f"{expected} are left open"
    assert verdict.extension is None


def test_a_wide_spread_is_inconclusive_and_names_the_declared_remedy():
    cells = CELLS | {("flow policy", "walker-stand"): (700.0, 620.0, 670.0)}
    verdict = judge(rows(cells))
    assert (verdict.decision, verdict.exit_code) == (Decision.INCONCLUSIVE, 4)
    assert verdict.reason.startswith(
        "neither a shift nor its absence was shown for flow policy/walker-stand (a shift of"
    )
    assert verdict.extension.seeds == (789, 1011, 1213)
    assert len(verdict.extension.runs) == 18
    assert "the declared remedy: 18 more runs with seeds 789, 1011, 1213, after which" in verdict_text(verdict)


def test_six_seeds_are_judged_against_the_narrower_shift_and_are_final():
    cells = CELLS | {("flow policy", "walker-stand"): (700.0, 620.0, 670.0)}
    measured = rows(cells) + rows(cells, seeds=(789, 1011, 1213))
    verdict = judge(measured)
    assert verdict.breaches == ()
    assert {cell.k for cell in verdict.cells} == {3.0}
    assert verdict.extension is None


def test_an_extension_once_begun_must_be_finished():
    verdict = judge(rows() + rows(seeds=(789,)))
    assert (verdict.decision, verdict.exit_code) == (Decision.NOTHING, 3)
    assert "24 of 36 runs are complete" in verdict.reason


def test_missing_runs_are_no_breach_and_are_named():
    verdict = judge(rows()[1:])
    assert (verdict.decision, verdict.exit_code, verdict.breaches) == (Decision.NOTHING, 3, ())
    assert verdict.reason == "17 of 18 runs are complete; still to do: baseline/reacher-easy/seed 42"
    assert verdict.missing == (("baseline", "reacher-easy", 42),)
    assert "NOTHING TO JUDGE YET: phase3 at the logged scale: 17 of 18 runs" in verdict_text(verdict)
    unrun = judge([])
    assert (unrun.decision, unrun.reason, unrun.cells) == (Decision.NOTHING, "no run is complete", ())


def test_a_breach_among_complete_runs_is_not_hidden_by_missing_ones():
    measured = rows()[1:]
    measured[0] = evolve(measured[0], reward=math.nan)
    assert judge(measured).decision is Decision.INVALID


def test_runs_the_record_was_made_from_are_nothing_to_judge():
    verdict = judge(rows(), nothing="the record was made from these very runs")
    assert (verdict.decision, verdict.exit_code) == (Decision.NOTHING, 3)


def test_a_breach_found_elsewhere_makes_the_phase_invalid():
    breach = Breach(rule="checkpoint", where="run 4", problem="made with another", remedy="repeat it")
    assert judge(rows(), breaches=[breach]).reason == (
        "1 integrity breach, the first: run 4: made with another; repeat it"
    )


def test_equal_digests_are_exact_and_a_breach_is_still_invalid():
    digests = {"run": {0: {"actor": "a"}, 1: {"actor": "b"}}}
    replay = compare_digests(digests, digests)
    assert (judge(rows(), replay=replay).decision, judge(rows(), replay=replay).exit_code) == (Decision.EXACT, 0)
    assert judge([*rows(), rows()[0]], replay=replay).decision is Decision.INVALID


def test_a_divergence_is_reported_and_the_phase_is_judged_by_its_values():
    replay = compare_digests({"run": {0: {"actor": "a"}}}, {"run": {0: {"actor": "x"}}})
    verdict = judge(rows(), replay=replay)
    assert verdict.decision is Decision.PASS
    assert "  run: first at step 0, actor: the bits differ" in verdict_text(verdict)


def test_one_seed_on_each_side_is_inconclusive_and_not_a_crash():
    short = rows(seeds=(42,))
    verdict = judge(short, record(short))
    assert verdict.decision is Decision.INCONCLUSIVE
    assert verdict.cells[0].reason == "one seed on each side: the spread between seeds is unknown"
    json.dumps(verdict.to_json(), allow_nan=False)
    assert verdict_text(verdict)


def test_runs_of_another_length_are_noted():
    longer = [evolve(row, epochs=15_000) for row in rows()]
    assert judge(longer).notes == ()  # nobody recorded how long the others were
    shorter = record([evolve(row, epochs=10_000) for row in rows()])
    expected = "the recorded runs had 10,000 epochs, the reproduced ones 15,000: they are not the same experiment"
    assert judge(longer, shorter).notes == (expected,)
    assert f"note: {expected}" in " ".join(verdict_text(judge(longer, shorter)).split())


def test_nothing_recorded_or_nothing_measured_is_invalid():
    assert judge([], record([])).reason == "there is nothing to compare: no outcome on either side"
    assert judge(rows(), record([])).decision is Decision.INVALID


def test_rows_of_another_source_are_not_judged_against():
    other = [evolve(row, source="later public record", reward=1.0) for row in rows()]
    assert judge(rows(), record([*rows(), *other])).decision is Decision.PASS


value = st.floats(0, 1000, allow_nan=False)


phases = st.dictionaries(
    st.sampled_from(sorted(CELLS)), st.tuples(value, value, value, value, value, value), min_size=1, max_size=6
)


def split(cells):
    return (
        rows({cell: values[:3] for cell, values in cells.items()}),
        rows({cell: values[3:] for cell, values in cells.items()}),
    )


@settings(deadline=None, max_examples=60)
@given(phases, st.integers(0, 1000))
def test_the_order_of_rows_changes_nothing_at_all(cells, seed):
    recorded, measured = split(cells)
    before = judge(measured, record(recorded)).to_json()
    random.Random(seed).shuffle(measured)
    random.Random(seed + 1).shuffle(recorded)
    assert judge(measured, record(recorded)).to_json() == before


@settings(deadline=None, max_examples=60)
@given(phases)
def test_equal_data_never_fails(cells):
    recorded, _ = split(cells)
    assert judge(recorded, record(recorded)).decision is Decision.PASS


grid = st.integers(0, 2**12).map(lambda whole: whole / 8)  # exact in binary, so that a shift by 400 rounds nothing


coarse = st.dictionaries(
    st.sampled_from(sorted(CELLS)), st.tuples(grid, grid, grid, grid, grid, grid), min_size=1, max_size=6
)


@settings(deadline=None, max_examples=60)
@given(coarse)
def test_a_constant_added_to_everything_changes_no_decision(cells):
    recorded, measured = split(cells)
    moved = lambda side: [evolve(row, reward=row.reward + 400.0) for row in side]  # noqa: E731
    before, after = judge(measured, record(recorded)), judge(moved(measured), record(moved(recorded)))
    # What is said of a run far outside the record, and of a spread as a share of the mean, depends on where 0 is.
    is_far = [cell.withheld.startswith("a run at") for cell in (*before.cells, *after.cells)]
    if not any(is_far):
        assert [cell.decision for cell in after.cells] == [cell.decision for cell in before.cells]
        assert after.decision == before.decision
    assert [cell.p for cell in after.cells] == pytest.approx([cell.p for cell in before.cells], rel=1e-6, abs=1e-12)


anything = st.floats() | st.sampled_from([0.0, 500.0, 1000.0])


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.tuples(st.sampled_from(sorted(CELLS)), st.sampled_from([1, 2, 3]), anything), max_size=12),
    st.lists(st.tuples(st.sampled_from(sorted(CELLS)), st.sampled_from([1, 2, 3]), anything), max_size=12),
)
def test_no_values_whatever_make_judging_crash(recorded, measured):
    made = [[Outcome(config=c, task=t, seed=s, reward=v) for (c, t), s, v in side] for side in (recorded, measured)]
    verdict = judge(made[1], record(made[0]))
    json.dumps(verdict.to_json(), allow_nan=False)
    assert verdict.decision in Decision
    assert verdict_text(verdict)
