"""What an honest audit of the log's own numbers finds, every point by computation."""

import math
from pathlib import Path

import pytest
from attrs import evolve

from rephase.judging.auditing import Standing, audit
from rephase.manifest.outcomes import Outcome, RecordedOutcomes, SummaryRow, read_outcomes

REPRODUCTIONS = Path(__file__).parents[4] / "reproductions"
PHASE3, PHASE4, PHASE5 = (read_outcomes(REPRODUCTIONS / f"phase{n}" / "logged.recorded.json") for n in (3, 4, 5))


def of(findings, check, where=""):
    return [finding for finding in findings if finding.check == check and where in finding.where]


def test_rows_of_untrained_policies_are_nobodys_statement():
    assert PHASE4.untrained
    stated = evolve(PHASE4, outcomes=[row for row in PHASE4.outcomes if row not in PHASE4.untrained])
    assert audit(PHASE4) == audit(stated)


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


def test_what_needs_attention_comes_first():
    needs = [finding.needs_attention for finding in audit(PHASE3, PHASE4, PHASE5)]
    assert needs == sorted(needs, reverse=True)
