"""Runs held against the grid they are of: indices, hardware, doubled and missing ones."""

from pathlib import Path

from attrs import evolve

from rephase.judging.auditing import Standing, audit
from rephase.manifest.outcomes import read_outcomes

REPRODUCTIONS = Path(__file__).parents[4] / "reproductions"
PHASE3, PHASE4, PHASE5 = (read_outcomes(REPRODUCTIONS / f"phase{n}" / "logged.recorded.json") for n in (3, 4, 5))


def of(findings, check, where=""):
    return [finding for finding in findings if finding.check == check and where in finding.where]


def test_methods_are_confounded_with_hardware_in_phase_3_only_when_they_are():
    (finding,) = of(audit(PHASE3), "hardware")
    assert finding.standing is Standing.CONFOUNDED
    same = evolve(PHASE3, outcomes=[evolve(row, hardware="H100") for row in PHASE3.outcomes])
    assert of(audit(same), "hardware")[0].standing is Standing.AGREES


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
