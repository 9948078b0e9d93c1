"""What a reader should look at."""

import pytest

from rephase.judging.auditing.findings import Finding, Standing


def finding(standing):
    return Finding(check="mean", where="phase3", logged="1", recomputed="2", standing=standing, why="it matters")


@pytest.mark.parametrize("standing", list(Standing))
def test_all_but_agreement_and_notes_need_attention(standing):
    assert finding(standing).needs_attention == (standing not in (Standing.AGREES, Standing.NOTE))


def test_its_json_has_every_word():
    assert finding(Standing.DIFFERS).to_json() == {
        "check": "mean",
        "where": "phase3",
        "logged": "1",
        "recomputed": "2",
        "standing": "DIFFERS",
        "why": "it matters",
    }
