"""One cell: its shift, its spread, its seeds of either side."""

import math
import random

import pytest
from attrs import evolve
from fakes.judged import CELLS, RULES, SEEDS, judge, record, rows
from hypothesis import strategies as st

from rephase.judging import Decision, judge_cells, judge_phase


def test_every_outcome_at_a_third_fails():
    verdict = judge(rows(change=lambda value: 0.3 * value))
    assert (verdict.decision, verdict.exit_code) == (Decision.FAIL, 1)
    assert verdict.reason.startswith("a material shift was shown for ")


@pytest.mark.parametrize("before", [1, 2, 3, 7, 40, 100])
@pytest.mark.parametrize("after", [1, 2, 3, 7, 40, 100])
def test_every_pair_of_numbers_of_seeds_is_answered(before, after):
    cell = ("a", "b")
    generator = random.Random(before * 101 + after)
    sides = [{cell: [generator.gauss(5e-4, 1e-4) for _ in range(count)]} for count in (before, after)]
    (verdict,) = judge_cells(*sides, evolve(RULES, floor=1e-6))
    assert verdict.decision in (Decision.PASS, Decision.INCONCLUSIVE, Decision.FAIL)
    assert verdict.degrees == (before + after - 2 if before + after > 2 else 0)
    assert math.isnan(verdict.upper) == (before + after == 2)


def test_values_of_any_unit_are_judged_alike():
    for factor, offset in ((1e-6, 0.0), (1e9, 0.0), (1.0, -5000.0)):
        moved = [evolve(row, reward=factor * row.reward + offset) for row in rows()]
        again = [evolve(row, reward=factor * 0.95 * row.reward + offset) for row in rows()]
        rules = evolve(RULES, floor=20 * factor)
        verdict = judge_phase(record(moved), again, rules, returns=None)
        expected = judge(rows(change=lambda value: 0.95 * value))
        assert [cell.decision for cell in verdict.cells] == [cell.decision for cell in expected.cells]


def test_cells_come_in_the_order_of_the_declared_runs():
    runs = [row.run for row in reversed(rows())]
    found = [(cell.config, cell.task) for cell in judge(rows(), runs=runs).cells]
    assert found == list(reversed(CELLS))


@pytest.mark.parametrize(("short", "full"), [((42,), SEEDS), (SEEDS, (42,))])
def test_one_seed_on_one_side_uses_the_others_spread(short, full):
    measured, recorded = rows(seeds=short), rows(seeds=full)
    verdict = judge(measured, record(recorded), runs=[row.run for row in measured])
    assert {cell.degrees for cell in verdict.cells} == {2}
    assert verdict.decision in (Decision.PASS, Decision.INCONCLUSIVE)


def test_no_spread_at_all_has_defined_answers():
    flat = dict.fromkeys(CELLS, (500.0, 500.0, 500.0))
    recorded = record(rows(flat))
    assert judge(rows(flat), recorded).decision is Decision.PASS
    assert judge(rows(flat, change=lambda v: v + 19.9), recorded).cells[0].decision is Decision.PASS
    assert judge(rows(flat, change=lambda v: v + 20.0), recorded).cells[0].decision is Decision.PASS
    assert judge(rows(flat, change=lambda v: v + 21.0), recorded).decision is Decision.FAIL


value = st.floats(0, 1000, allow_nan=False)
