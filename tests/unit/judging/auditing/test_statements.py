"""What is concluded from values: leads of methods, and what a second evaluation shows."""

import math
from pathlib import Path

import numpy as np
from attrs import evolve
from scipy.stats import ttest_ind

from rephase.judging.auditing import Standing, audit
from rephase.judging.auditing.statements import seeds_needed
from rephase.manifest.outcomes import read_outcomes

REPRODUCTIONS = Path(__file__).parents[4] / "reproductions"
PHASE3, PHASE4, PHASE5 = (read_outcomes(REPRODUCTIONS / f"phase{n}" / "logged.recorded.json") for n in (3, 4, 5))
BASELINE, FLOW = [972.32, 923.48, 977.35], [854.53, 744.92, 919.90]


def of(findings, check, where=""):
    return [finding for finding in findings if finding.check == check and where in finding.where]


def test_the_lead_on_walker_stand_is_not_supported():
    (claim,) = of(audit(PHASE3), "claim")
    assert (claim.standing, claim.logged) == (Standing.UNSUPPORTED, "baseline beats flowpolicy (+14%)")
    assert claim.recomputed == (
        "gap 117.9 points, 95% interval -78 to 313; Welch t = 2.19, df = 2.45, p = 0.136;"
        " 7 seeds a side would be needed for 80% power"
    )


def test_the_same_lead_on_cheetah_run_is_called_a_tie():
    (cheetah,) = of(audit(PHASE3), "tie", "cheetah-run")
    assert cheetah.standing is Standing.INCONSISTENT
    assert cheetah.recomputed == "baseline leads flowpolicy by 13.9% of flowpolicy's mean; the win is one of 14.0%"
    (reacher,) = of(audit(PHASE3), "tie", "reacher-easy")
    assert reacher.standing is Standing.NOTE


def test_plan_reward_is_a_second_evaluation():
    (finding,) = of(audit(PHASE3), "second evaluation")
    assert finding.standing is Standing.UNSUPPORTED
    differences = np.array([row.plan_reward - row.reward for row in PHASE3.outcomes])
    assert f"mean {differences.mean():+.2f} points" in finding.recomputed
    assert f"off by {differences.std(ddof=1) / math.sqrt(2):.1f} points" in finding.recomputed
    silent = evolve(PHASE3, provenance={})
    assert of(audit(silent), "second evaluation")[0].standing is Standing.UNSUPPORTED


def test_planning_that_helps_is_not_called_noise():
    rows = [evolve(row, plan_reward=row.reward * 0.5 + 600) for row in PHASE4.outcomes]
    (finding,) = of(audit(evolve(PHASE4, outcomes=rows, provenance={})), "second evaluation")
    assert finding.standing is Standing.NOTE


def test_the_seeds_needed_hold_their_power_in_a_simulation():
    seeds = seeds_needed(BASELINE, FLOW)
    assert seeds == 7
    generator = np.random.default_rng(2)

    def power(count):
        a = generator.normal(np.mean(BASELINE), np.std(BASELINE, ddof=1), (20_000, count))
        b = generator.normal(np.mean(FLOW), np.std(FLOW, ddof=1), (20_000, count))
        return np.mean(ttest_ind(a, b, axis=1, equal_var=False).pvalue < 0.05)

    assert power(seeds) > 0.79
    assert power(seeds - 1) < 0.8
    assert seeds_needed([1.0, 1.0], [1.0, 1.0]) is None
