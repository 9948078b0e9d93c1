"""What an honest audit of the log's own numbers finds, every point by computation."""

import math
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve
from scipy.stats import ttest_ind

from rephase.judging.auditing import Standing, audit
from rephase.judging.auditing.statements import seeds_needed
from rephase.manifest.outcomes import Outcome, RecordedOutcomes, SummaryRow, read_outcomes

REPRODUCTIONS = Path(__file__).parents[4] / "reproductions"
PHASE3, PHASE4, PHASE5 = (read_outcomes(REPRODUCTIONS / f"phase{n}" / "logged.recorded.json") for n in (3, 4, 5))
BASELINE, FLOW = [972.32, 923.48, 977.35], [854.53, 744.92, 919.90]


def of(findings, check, where=""):
    return [finding for finding in findings if finding.check == check and where in finding.where]


def test_rows_of_untrained_policies_are_nobodys_statement():
    assert PHASE4.untrained
    stated = evolve(PHASE4, outcomes=[row for row in PHASE4.outcomes if row not in PHASE4.untrained])
    assert audit(PHASE4) == audit(stated)


def test_the_logged_spread_is_the_sample_sd_in_one_cell_of_six():
    spreads = [finding for finding in of(audit(PHASE3), "spread") if "all cells" not in finding.where]
    assert len(spreads) == 6
    assert [finding.where for finding in spreads if finding.standing is Standing.AGREES] == [
        "phase3, baseline on reacher-easy"
    ]
    assert [finding.standing for finding in spreads].count(Standing.DIFFERS) == 5
    (walker,) = of(spreads, "spread", "baseline on walker-stand")
    assert (walker.logged, walker.recomputed) == (
        "± 27.5",
        "sample SD 29.76, population SD 24.30, half-range 26.94: none of them",
    )
    (every,) = of(audit(PHASE3), "spread", "all cells")
    assert every.recomputed.startswith("sample SD explains 1, population SD explains 0, half-range explains 2 of 6")


def test_every_logged_mean_can_be_a_mean_of_its_seeds():
    means = of(audit(PHASE3), "mean")
    assert len(means) == 6
    assert {finding.standing for finding in means} == {Standing.AGREES, Standing.NOTE}
    (cheetah,) = of(means, "mean", "baseline on cheetah-run")
    assert cheetah.recomputed == "mean 112.487 of 3 seeds, which only the rounding of the single figures can explain"


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


def test_the_percentage_has_two_denominators():
    (percentage,) = of(audit(PHASE3), "percentage")
    assert percentage.standing is Standing.AGREES
    assert "14.0% of flowpolicy's mean or 12.3% of baseline's mean" in percentage.recomputed


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


def test_the_euler_fast_outcome_of_seed_123_is_not_the_one_published_later():
    differing = [f for f in of(audit(PHASE5), "sources") if f.standing is Standing.INCONSISTENT]
    assert [(finding.where, finding.logged) for finding in differing] == [
        ("phase5, euler-fast/walker-stand/123", "later public record: 156.07/99.90; log: 153.06/151.15")
    ]


def test_variations_that_changed_nothing_are_found():
    found = {f.where: f.logged for f in of(audit(PHASE5), "duplicate") if "seed " in f.where}
    assert len(found) == 6
    assert found["phase5, walker-stand, seed 42, later public record"] == (
        "euler-fast: 142.26/128.08; high-precision-policy: 142.25/128.08; high-precision-wm: 142.26/128.08"
    )
    assert {f.standing for f in of(audit(PHASE5), "duplicate")} == {Standing.SUSPECT}


def test_methods_are_confounded_with_hardware_in_phase_3_only_when_they_are():
    (finding,) = of(audit(PHASE3), "hardware")
    assert finding.standing is Standing.CONFOUNDED
    same = evolve(PHASE3, outcomes=[evolve(row, hardware="H100") for row in PHASE3.outcomes])
    assert of(audit(same), "hardware")[0].standing is Standing.AGREES


def test_phase_4_of_the_later_record_is_another_experiment():
    (finding,) = of(audit(PHASE4), "sources")
    assert (finding.standing, finding.logged) == (Standing.INCONSISTENT, "later public record: 10000; log: 15000")


def test_the_log_itself_states_two_of_eighteen_runs_of_phase_5():
    (finding,) = of(audit(PHASE5), "runs", "phase5, log")
    assert (finding.standing, finding.logged) == (Standing.MISSING, "2 runs")


def test_indices_follow_the_map_and_a_moved_one_is_found():
    (finding,) = of(audit(PHASE3), "index")
    assert finding.recomputed == "18 of 18 agree with the order task x seed"
    moved = evolve(PHASE3, outcomes=[evolve(PHASE3.outcomes[0], job="4011713_5"), *PHASE3.outcomes[1:]])
    wrong = of(audit(moved), "index", "baseline/reacher-easy/42")
    assert [(f.logged, f.recomputed) for f in wrong] == [("job 4011713_5", "index 0 by the order task x seed")]


def test_two_submissions_of_one_method_are_noted():
    (finding,) = of(audit(PHASE3), "submission")
    assert finding.logged == "4011714: indices 0, 1, 2, 4; 4011740: indices 3, 5, 6, 7, 8"


def test_a_doubled_and_a_missing_run_are_found():
    rows = [*PHASE3.outcomes[1:], evolve(PHASE3.outcomes[1], reward=1.0)]
    found = [f for f in of(audit(evolve(PHASE3, outcomes=rows)), "runs") if f.needs_attention]
    assert [f.standing for f in found] == [Standing.MISSING, Standing.INCONSISTENT]
    assert found[0].recomputed == "18 in the grid; missing baseline/reacher-easy/42"
    assert found[1].logged == "2 outcomes: 983.5, 1"


def test_equal_outcomes_across_phases_are_found_only_when_both_are_read():
    assert not [f for f in of(audit(PHASE4), "duplicate") if "phase5" in f.where]
    assert [f for f in of(audit(PHASE4, PHASE5), "duplicate") if "phase4, phase5" in f.where]


@pytest.mark.parametrize("value", [math.nan, math.inf, -3.0, 1200.0, 1e300])
def test_figures_no_task_can_return_are_found_and_nothing_crashes(value):
    rows = [evolve(PHASE3.outcomes[0], reward=value), *PHASE3.outcomes[1:]]
    findings = audit(evolve(PHASE3, outcomes=rows))
    assert [f.standing for f in of(findings, "range")] == [Standing.INCONSISTENT]


def test_nothing_at_all_is_audited_without_a_crash():
    empty = RecordedOutcomes(phase="p", scale="logged", source="log", outcomes=())
    assert audit(empty) == ()
    assert audit() == ()
    lone = evolve(empty, outcomes=[Outcome(config="a", task="t", seed=1, reward=3.0)])
    assert [f.standing for f in audit(lone)] == [Standing.AGREES]
    stated = evolve(empty, summary=[SummaryRow(config="a", task="t", mean=3.0, spread=1.0, winner="a")])
    assert [f.standing for f in audit(stated)] == [Standing.MISSING]


def test_wrong_means_winners_and_percentages_are_found():
    rows = [
        evolve(row, mean=row.mean + 1, winner="flowpolicy" if row.winner == "baseline" else row.winner)
        for row in PHASE3.summary
    ]
    findings = audit(evolve(PHASE3, summary=rows))
    assert {f.standing for f in of(findings, "mean")} == {Standing.DIFFERS}
    assert [f.standing for f in of(findings, "winner")] == [Standing.DIFFERS]
    assert [f.standing for f in of(findings, "percentage")] == [Standing.DIFFERS]


def test_what_needs_attention_comes_first():
    needs = [finding.needs_attention for finding in audit(PHASE3, PHASE4, PHASE5)]
    assert needs == sorted(needs, reverse=True)


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
