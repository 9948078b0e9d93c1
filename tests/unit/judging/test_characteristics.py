from pathlib import Path

import numpy as np
import pytest

from rephase.judging import Decision, judge_phase
from rephase.judging.characteristics import decide, simulate
from rephase.judging.characteristics_page import committed_rates, disagreements, main, page, truth_of
from rephase.judging.scenarios import SCENARIOS
from rephase.manifest.outcomes import Outcome, RecordedOutcomes, read_outcomes
from rephase.manifest.rules import VerdictRules

ROOT = Path(__file__).parents[3]
RECORDED = ROOT / "reproductions" / "phase3" / "logged.recorded.json"
PAGE = ROOT / "docs" / "reference" / "operating-characteristics.md"
TRUTH = truth_of(read_outcomes(RECORDED))
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


def test_the_page_agrees_with_a_fresh_simulation():
    assert disagreements(PAGE.read_text(), TRUTH, phases=1500, seed=7) == []


def test_a_page_with_other_figures_is_caught():
    row = "| every outcome x 0.3 | 0.0 / 0.0 / 100.0 |"
    assert row in PAGE.read_text()
    text = PAGE.read_text().replace(row, "| every outcome x 0.3 | 13.0 / 0.0 / 87.0 |")
    lines = disagreements(text, TRUTH, phases=500, seed=7)
    assert [line.split(" on the page")[0] for line in lines] == [
        "every outcome x 0.3, 3 recorded: PASS 13.0",
        "every outcome x 0.3, 3 recorded: FAIL 87.0",
    ]


def test_the_page_states_every_scenario():
    text = page(TRUTH, phases=50)
    assert all(f"| {scenario.name} |" in text for scenario in SCENARIOS)


def test_the_command_writes_and_checks(tmp_path, capsys):
    target = tmp_path / "page.md"
    assert main(["--recorded", str(RECORDED), "--phases", "1000", "--write", str(target)]) == 0
    assert set(committed_rates(target.read_text())) == set(committed_rates(PAGE.read_text()))
    assert main(["--recorded", str(RECORDED), "--phases", "500", "--check", str(target)]) == 0
    assert capsys.readouterr().out == "the page agrees with a fresh simulation\n"


def test_skew_hides_no_shift():
    generator = np.random.default_rng(3)
    noise = SCENARIOS[1].draw(generator, (400_000,))
    assert np.mean(noise) == pytest.approx(0, abs=0.01)
    assert np.std(noise) == pytest.approx(1, abs=0.01)
    assert np.mean(noise**3) == pytest.approx(-2 / 3, abs=0.03)
    assert simulate(SCENARIOS[0], TRUTH, 200, 1, VerdictRules()).phases == 200
