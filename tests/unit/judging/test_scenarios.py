"""The ways the world may be in the simulation."""

from pathlib import Path

import numpy as np
import pytest

from rephase.judging.characteristics import simulate
from rephase.judging.characteristics_page import truth_of
from rephase.judging.scenarios import SCENARIOS
from rephase.manifest.outcomes import read_outcomes
from rephase.manifest.rules import VerdictRules

ROOT = Path(__file__).parents[3]
RECORDED = ROOT / "reproductions" / "phase3" / "logged.recorded.json"
TRUTH = truth_of(read_outcomes(RECORDED))


def test_skew_hides_no_shift():
    generator = np.random.default_rng(3)
    noise = SCENARIOS[1].draw(generator, (400_000,))
    assert np.mean(noise) == pytest.approx(0, abs=0.01)
    assert np.std(noise) == pytest.approx(1, abs=0.01)
    assert np.mean(noise**3) == pytest.approx(-2 / 3, abs=0.03)
    assert simulate(SCENARIOS[0], TRUTH, 200, 1, VerdictRules()).phases == 200
