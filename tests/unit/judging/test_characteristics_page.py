"""The published error rates are those of a fresh simulation."""

from pathlib import Path

from rephase.judging.characteristics_page import committed_rates, disagreements, main, page, truth_of
from rephase.judging.scenarios import SCENARIOS
from rephase.manifest.outcomes import read_outcomes

ROOT = Path(__file__).parents[3]
RECORDED = ROOT / "reproductions" / "phase3" / "logged.recorded.json"
PAGE = ROOT / "docs" / "reference" / "operating-characteristics.md"
TRUTH = truth_of(read_outcomes(RECORDED))


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
