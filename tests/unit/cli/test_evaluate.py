"""New episodes of kept policies: what is asked for is checked before anything is played."""

import math

from rephase.cli.evaluate import _text
from rephase.manifest import Run
from rephase.reproduction.reevaluating import CellNoise, Reevaluation


def test_one_episode_says_nothing(about_phase3):
    code, _, error = about_phase3("evaluate", "--episodes", "1")
    assert code == 2
    assert "1 episodes say nothing; take 2 or more" in error


def test_without_a_completed_run_the_command_that_makes_some_is_named(about_phase3):
    code, _, error = about_phase3("evaluate")
    assert code == 3
    assert "'rephase run phase3 --scale logged' makes some" in error


def test_new_figures_stand_beside_the_protocols():
    run = Reevaluation(run=Run("baseline", "walker-stand", 42), before=(1.0, 3.0), after=(5.0, 6.0, 7.0))
    cell = CellNoise(
        config="baseline", task="walker-stand", sd_before=math.nan, noise_before=1.0, sd_after=2.0, noise_after=0.5
    )
    text = _text([run], [cell], {"baseline": "the baseline"})
    row = next(line for line in text.splitlines() if line.startswith("the baseline") and "42" in line)
    assert row.split()[2:] == ["walker-stand", "42", "2.0", "(2)", "6.0", "(3)", "+4.0"]
    assert next(line for line in text.splitlines() if line.endswith("0.5")).split()[-4:] == ["-", "1.0", "2.0", "0.5"]
