"""A method that is a little worse everywhere cannot hide."""

from fakes.judged import CELLS, judge, record, rows

from rephase.judging import Decision


def test_a_method_a_little_worse_everywhere_fails_over_all_tasks():
    tight = dict.fromkeys(CELLS, (500.0, 502.0, 498.0, 501.0, 499.0, 500.5))
    seeds = (1, 2, 3, 4, 5, 6)
    recorded = record(rows(tight, seeds))
    verdict = judge(rows(tight, seeds, lambda v: v - 15.0), recorded)
    assert {cell.decision for cell in verdict.cells} == {Decision.PASS}  # under the floor of 20 points in each
    assert [one.decision for one in verdict.aggregates] == [Decision.FAIL, Decision.FAIL]
    assert verdict.decision is Decision.FAIL
