"""Means, spreads and winners that a log states, recomputed from its values."""

from pathlib import Path

from attrs import evolve

from rephase.judging.auditing import Standing, audit
from rephase.manifest.outcomes import read_outcomes

REPRODUCTIONS = Path(__file__).parents[4] / "reproductions"
PHASE3, PHASE4, PHASE5 = (read_outcomes(REPRODUCTIONS / f"phase{n}" / "logged.recorded.json") for n in (3, 4, 5))


def of(findings, check, where=""):
    return [finding for finding in findings if finding.check == check and where in finding.where]


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


def test_the_percentage_has_two_denominators():
    (percentage,) = of(audit(PHASE3), "percentage")
    assert percentage.standing is Standing.AGREES
    assert "14.0% of flowpolicy's mean or 12.3% of baseline's mean" in percentage.recomputed


def test_wrong_means_winners_and_percentages_are_found():
    rows = [
        evolve(row, mean=row.mean + 1, winner="flowpolicy" if row.winner == "baseline" else row.winner)
        for row in PHASE3.summary
    ]
    findings = audit(evolve(PHASE3, summary=rows))
    assert {f.standing for f in of(findings, "mean")} == {Standing.DIFFERS}
    assert [f.standing for f in of(findings, "winner")] == [Standing.DIFFERS]
    assert [f.standing for f in of(findings, "percentage")] == [Standing.DIFFERS]
