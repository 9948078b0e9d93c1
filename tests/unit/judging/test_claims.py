"""What a source says of one method against another."""

import pytest
from attrs import evolve
from fakes.judged import judge, record, rows

from rephase.manifest.outcomes import SummaryRow


def test_a_lead_under_the_floor_is_no_claim_and_a_winner_that_loses_is_contradicted():
    recorded = record([row for row in rows() if row.task != "walker-stand"])
    assert judge([row for row in rows() if row.task != "walker-stand"], recorded).claims == ()
    summary = [
        SummaryRow(config=config, task="walker-stand", mean=0.0, winner="flow policy")
        for config in ("baseline", "flow policy")
    ]
    other = [evolve(row, reward=row.reward - 500) if row.config == "flow policy" else row for row in rows()]
    other = [row for row in other if row.task == "walker-stand"]
    (claim,) = judge(other, record([r for r in rows() if r.task == "walker-stand"], summary=summary)).claims
    assert claim.status == "CONTRADICTED"


def test_the_logs_claim_is_not_established_by_its_own_values():
    summary = [
        SummaryRow(config="baseline", task="walker-stand", mean=957.72, winner="baseline", percentage=14.0),
        SummaryRow(config="flow policy", task="walker-stand", mean=839.78, winner="baseline", percentage=14.0),
    ]
    (claim,) = judge(rows(), record(summary=summary)).claims
    assert claim.status == "DIRECTION ONLY"
    assert claim.reproduction.p == pytest.approx(0.136, abs=0.0005)
    assert claim.percent_of_worse == pytest.approx(14.04, abs=0.01)
    assert claim.percent_of_better == pytest.approx(12.31, abs=0.01)
