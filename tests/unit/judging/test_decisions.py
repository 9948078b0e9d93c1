"""Each decision has the exit code that the command's help promises."""

from rephase.judging.decisions import EXIT_CODES, Decision


def test_reproduced_is_0_and_deviating_alone_is_1():
    assert {decision for decision, code in EXIT_CODES.items() if code == 0} == {Decision.EXACT, Decision.PASS}
    assert {decision for decision, code in EXIT_CODES.items() if code == 1} == {Decision.FAIL}


def test_every_decision_has_one_and_none_is_that_of_bad_usage_or_a_bug():
    assert set(EXIT_CODES) == set(Decision)
    assert not {2, 70, 130} & set(EXIT_CODES.values())
    assert (EXIT_CODES[Decision.NOTHING], EXIT_CODES[Decision.INCONCLUSIVE], EXIT_CODES[Decision.INVALID]) == (3, 4, 5)
