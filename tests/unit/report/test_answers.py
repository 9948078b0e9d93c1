"""The first line answers the manifest's question as far as tests show it."""

import json

import pytest
from attrs import evolve

from rephase.report import gather


@pytest.fixture(scope="module")
def report(whole):
    return gather(whole)


def test_the_first_line_answers_the_question_only_as_far_as_it_is_shown(report, make_store):
    assert report.answer == "No config is shown to return more than another in any of 3 tasks by 3 seeds each."
    records = [evolve(one, reward=one.reward / 2) if one.config == "flowpolicy" else one for one in report.records]
    answer = evolve(report, records=tuple(records)).answer
    assert answer.startswith("Shown by 3 seeds each: baseline returns 49")
    assert "more than flow policy on reacher-easy" in answer
    assert gather(make_store(0)).answer == "There is no answer yet: no run is complete."
    assert json.loads(json.dumps(report.to_json()))["answer"] == report.answer
