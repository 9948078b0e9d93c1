"""How many seeds a rerun needs, and what fewer can show."""

import random

import pytest

from rephase.errors import UsageError
from rephase.judging import Decision, plan_rerun, read_side
from rephase.judging.foreign import rules_for


def write(path, rows, columns="algo,env,seed,episode_reward"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([columns, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def test_a_plan_says_what_seeds_show_and_cost(tmp_path):
    rows = [("a", "t", seed, value, 2.0) for seed, value in enumerate((80, 90, 100, 110, 120))]
    record = read_side(write(tmp_path / "x.csv", rows, "method,task,seed,reward,hours"))
    rules, _ = rules_for(record, None, None, None)
    plan = plan_rerun(record, rules, shift=50, seeds=(1, 5, 50))
    [cell] = plan.cells
    assert [one.power for one in cell.shown] == sorted(one.power for one in cell.shown)
    assert [one.smallest for one in cell.shown] == sorted((one.smallest for one in cell.shown), reverse=True)
    assert plan.seeds == cell.needed
    assert f"{plan.seeds} runs, show it in every cell; about {2 * plan.seeds} hours" in plan.summary
    with pytest.raises(UsageError, match="not above the floor"):
        plan_rerun(record, rules, shift=1)


def test_the_planned_power_is_the_power_there_is():
    """Simulated by the judge itself: five recorded seeds, the seeds that were planned, and the planned shift."""
    from rephase.judging import judge_cells
    from rephase.judging.planning import _power
    from rephase.manifest.rules import VerdictRules

    draw = random.Random(4)
    rules = VerdictRules(floor=5.0)
    failed = 0
    for _ in range(400):
        sides = [[draw.gauss(mean, 20) for _ in range(5)] for mean in (500, 550)]
        [cell] = judge_cells({("a", "t"): sides[0]}, {("a", "t"): sides[1]}, rules)
        failed += cell.decision is Decision.FAIL
    assert failed / 400 == pytest.approx(_power(5, 5, 20, 50, rules.alpha / 2, 5.0), abs=0.06)
