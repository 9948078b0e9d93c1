"""Outcomes that are more alike than separate runs, and sources that differ about one run."""

from pathlib import Path

from rephase.judging.auditing import Standing, audit
from rephase.manifest.outcomes import read_outcomes

REPRODUCTIONS = Path(__file__).parents[4] / "reproductions"
PHASE3, PHASE4, PHASE5 = (read_outcomes(REPRODUCTIONS / f"phase{n}" / "logged.recorded.json") for n in (3, 4, 5))


def of(findings, check, where=""):
    return [finding for finding in findings if finding.check == check and where in finding.where]


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


def test_phase_4_of_the_later_record_is_another_experiment():
    (finding,) = of(audit(PHASE4), "sources")
    assert (finding.standing, finding.logged) == (Standing.INCONSISTENT, "later public record: 10000; log: 15000")


def test_equal_outcomes_across_phases_are_found_only_when_both_are_read():
    assert not [f for f in of(audit(PHASE4), "duplicate") if "phase5" in f.where]
    assert [f for f in of(audit(PHASE4, PHASE5), "duplicate") if "phase4, phase5" in f.where]
