"""Operating characteristics: the shipped rules simulated, and what their page says."""

from pathlib import Path

import numpy as np
import pytest

from rephase.judging import Decision, judge_phase
from rephase.judging.characteristics import decide
from rephase.judging.characteristics_page import committed_rates
from rephase.manifest.outcomes import Outcome, RecordedOutcomes
from rephase.manifest.rules import VerdictRules

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reference" / "operating-characteristics.md"
CONFIGS, TASKS = ("a", "b"), ("one", "three", "two")


def outcomes(values):
    return [
        Outcome(config=config, task=task, seed=seed, reward=float(values[i, j, seed]))
        for i, config in enumerate(CONFIGS)
        for j, task in enumerate(TASKS)
        for seed in range(values.shape[-1])
    ]


@pytest.mark.parametrize(("before", "after"), [(3, 3), (3, 6), (12, 3), (2, 5)])
def test_the_arrays_decide_as_the_verdict_does(before, after):
    generator = np.random.default_rng(5)
    recorded = generator.normal(500, 40, size=(150, 2, 3, before))
    reproduced = generator.normal(500, 40, size=(150, 2, 3, after)) + generator.normal(0, 50, size=(150, 2, 3, 1))
    reproduced[100:125] = generator.normal(500, 40, size=(25, 2, 3, after))
    reproduced[100:125, 0, 1, 0] = 40.0  # a run that collapsed
    reproduced[125:] = 500 + 3 * (generator.normal(500, 40, size=(25, 2, 3, after)) - 500)
    passed, failed = decide(recorded, reproduced, VerdictRules())
    assert 0 < passed.sum() < 150
    assert 0 < failed.sum() < 150
    for index in range(150):
        side = RecordedOutcomes(phase="p", scale="s", source="x", outcomes=outcomes(recorded[index]))
        measured = outcomes(reproduced[index])
        runs = [row.run for row in measured]
        decision = judge_phase(side, measured, VerdictRules(), runs=runs, returns=None).decision
        expected = Decision.PASS if passed[index] else Decision.FAIL if failed[index] else Decision.INCONCLUSIVE
        assert decision is expected


@pytest.mark.parametrize(
    ("name", "recorded", "holds"),
    [
        ("faithful", 3, lambda passed, failed: passed > 73 and failed < 5),
        ("faithful", 12, lambda passed, failed: passed >= 85 and failed <= 5),
        ("faithful, skewed lower tail", 12, lambda passed, failed: passed > 82 and failed < 6),
        ("faithful, heavy tail on both sides (3% of runs at 60%)", 3, lambda passed, failed: failed <= 8),
        ("faithful, heavy tail on both sides (3% of runs at 60%)", 12, lambda passed, failed: failed <= 8),
        ("one of three runs at 0 in every cell", 3, lambda passed, failed: passed == 0),
        ("one of three runs at 0 in every cell", 12, lambda passed, failed: passed == 0 and failed == 100),
        ("one of three runs of baseline walker-stand at 0", 3, lambda passed, failed: passed == 0),
        ("one of three runs of baseline walker-stand at 0", 12, lambda passed, failed: passed == 0 and failed > 95),
        ("one of three runs of baseline walker-stand at half", 3, lambda passed, failed: passed <= 12),
        ("one of three runs of baseline walker-stand at half", 12, lambda passed, failed: passed == 0),
        ("one of three runs of flow walker-stand at 0", 3, lambda passed, failed: passed <= 45),
        ("one of three runs of flow walker-stand at 0", 12, lambda passed, failed: passed == 0),
        ("one of three runs of flow cheetah-run at 0", 12, lambda passed, failed: passed == 0),
        ("spread x 3", 3, lambda passed, failed: passed <= 36),
        ("spread x 3", 12, lambda passed, failed: passed <= 2),
        ("baseline walker-stand 20% lower", 3, lambda passed, failed: passed == 0 and failed > 97),
        ("every outcome x 0.3", 3, lambda passed, failed: failed == 100),
        ("every outcome x 0.3", 12, lambda passed, failed: failed == 100),
    ],
)
def test_the_page_keeps_the_error_rates_the_rules_promise(name, recorded, holds):
    passed, _, failed = committed_rates(PAGE.read_text())[name, recorded]
    assert holds(passed, failed)
