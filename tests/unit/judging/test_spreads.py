"""A rerun that spreads far wider than its record, or in which a run collapsed, never passes."""

import random

from attrs import evolve
from fakes.judged import CELLS, judge, record, rows

from rephase.judging import Decision
from rephase.manifest.outcomes import Outcome


def test_a_run_of_every_cell_that_returned_nothing_never_passes():
    measured = [evolve(row, reward=0.0) if row.seed == 456 else row for row in rows()]
    verdict = judge(measured)
    assert verdict.decision is Decision.INCONCLUSIVE
    assert all(cell.decision is not Decision.PASS for cell in verdict.cells)
    assert verdict.cells[0].withheld == "a run at 0.0 points, under a fourth of the lowest recorded 93.7"


def test_against_twelve_recorded_seeds_one_collapsed_run_fails():
    seeds = range(12)
    generator = random.Random(4)
    wide = {cell: [sum(v) / 3 + generator.gauss(-30, 10) for _ in seeds] for cell, v in CELLS.items()}
    recorded = [
        Outcome(config=c, task=t, seed=seed, reward=values[seed]) for (c, t), values in wide.items() for seed in seeds
    ]
    measured = [row for row in recorded if row.seed < 3]
    runs = [row.run for row in measured]
    assert judge(measured, record(recorded), runs=runs).decision is Decision.PASS
    measured = [evolve(row, reward=0.0) if row.run == ("baseline", "walker-stand", 1) else row for row in measured]
    verdict = judge(measured, record(recorded), runs=runs)
    assert verdict.decision is Decision.FAIL
    assert "a spread of " in next(cell.reason for cell in verdict.cells if cell.decision is Decision.FAIL)


def test_a_spread_seven_times_the_recorded_is_withheld():
    cells = CELLS | {("baseline", "walker-stand"): (970.0, 500.0, 975.0)}
    cell = next(c for c in judge(rows(cells)).cells if (c.config, c.task) == ("baseline", "walker-stand"))
    assert cell.upper <= cell.margin
    assert (cell.decision, cell.reason) == (
        Decision.INCONCLUSIVE,
        "a spread of 272.8 points, 9.2 times the recorded, a run at 500.0",
    )
