from pathlib import Path

import numpy as np
import pytest

from rephase.judging import Decision, judge_phase
from rephase.judging.characteristics import SCENARIOS, decide, simulate
from rephase.judging.characteristics_page import committed_rates, disagreements, main, page, truth_of
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


@pytest.mark.parametrize("seeds", [3, 6])
def test_the_arrays_decide_as_the_verdict_does(seeds):
    generator = np.random.default_rng(5)
    recorded = generator.normal(500, 40, size=(120, 2, 3, 3))
    reproduced = generator.normal(500, 40, size=(120, 2, 3, seeds)) + generator.normal(0, 50, size=(120, 2, 3, 1))
    passed, failed = decide(recorded, reproduced, VerdictRules())
    assert 0 < passed.sum() < 120
    assert 0 < failed.sum() < 120
    for index in range(120):
        before = RecordedOutcomes(phase="p", scale="s", source="x", outcomes=outcomes(recorded[index]))
        measured = outcomes(reproduced[index])
        decision = judge_phase(before, measured, VerdictRules(), runs=[row.run for row in measured]).decision
        expected = Decision.PASS if passed[index] else Decision.FAIL if failed[index] else Decision.INCONCLUSIVE
        assert decision is expected


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("faithful rerun, Gaussian", (81.7, 14.8, 3.5)),
        ("faithful rerun, skewed", (81.6, 14.7, 3.7)),
        ("baseline walker-stand 20% lower", (0.0, 1.7, 98.2)),
        ("every outcome x 0.3", (0.0, 0.0, 100.0)),
        ("avoided rule: every run within 20% of its seed's; faithful, Gaussian", (1.0, 0.0, 99.0)),
    ],
)
def test_the_page_lands_on_the_figures_the_rules_were_chosen_by(name, published):
    # Two simulations of 40,000 phases differ by at most 0.8 points in 99.7 of 100 cases; the last row is rounded to 1.
    assert committed_rates(PAGE.read_text())[name] == pytest.approx(published, abs=0.8)


def test_the_page_agrees_with_a_fresh_simulation():
    assert disagreements(PAGE.read_text(), TRUTH, phases=3000, seed=7) == []


def test_a_page_with_other_figures_is_caught():
    text = PAGE.read_text().replace(
        "| every outcome x 0.3 | 0.0 | 0.0 | 100.0 |", "| every outcome x 0.3 | 3.0 | 0.0 | 97.0 |"
    )
    lines = disagreements(text, TRUTH, phases=1000, seed=7)
    assert [line.split(" on the page")[0] for line in lines] == [
        "every outcome x 0.3: PASS 3.0",
        "every outcome x 0.3: FAIL 97.0",
    ]


def test_the_page_states_every_scenario():
    text = page(TRUTH, phases=50)
    assert all(f"| {scenario.name} |" in text for scenario in SCENARIOS)


def test_the_command_writes_and_checks(tmp_path, capsys):
    target = tmp_path / "page.md"
    assert main(["--recorded", str(RECORDED), "--phases", "4000", "--write", str(target)]) == 0
    assert set(committed_rates(target.read_text())) == set(committed_rates(PAGE.read_text()))
    assert main(["--recorded", str(RECORDED), "--phases", "1000", "--check", str(target)]) == 0
    assert capsys.readouterr().out == "the page agrees with a fresh simulation\n"


def test_skew_hides_no_shift():
    generator = np.random.default_rng(3)
    noise = SCENARIOS[1].draw(generator, (400_000,))
    assert np.mean(noise) == pytest.approx(0, abs=0.01)
    assert np.std(noise) == pytest.approx(1, abs=0.01)
    assert np.mean(noise**3) == pytest.approx(-2 / 3, abs=0.03)
    assert simulate(SCENARIOS[0], TRUTH, 200, 1, VerdictRules()).phases == 200
