import pytest
from attrs import evolve

from rephase.judging import Decision, compare_digests, compare_outcomes, judge_phase, verdict_text
from rephase.manifest.outcomes import Digest, Outcome, RecordedOutcomes
from rephase.manifest.rules import VerdictRules

EQUAL = {"one": {0: {"actor": "a", "critic": "b"}, 10: {"actor": "c"}}, "two": {0: {"actor": "d"}}}


def outcome(config="baseline", seed=1, **digests):
    kept = tuple(Digest(step=step, quantity="training", digest=digest) for step, digest in enumerate(digests.values()))
    return Outcome(config=config, task="t", seed=seed, reward=10.0 * seed, digests=kept)


def test_equal_digests_are_exact():
    replay = compare_digests(EQUAL, EQUAL)
    assert (replay.is_exact, replay.compared, replay.divergences) == (True, 4, ())


def test_the_first_diverging_step_and_quantity_of_each_run_are_named():
    other = {"one": {0: {"actor": "a", "critic": "x"}, 10: {"actor": "y"}}, "two": {0: {"actor": "d"}}}
    (divergence,) = compare_digests(EQUAL, other).divergences
    assert (divergence.run, divergence.step, divergence.quantity) == ("one", 0, "critic")
    assert (divergence.recorded, divergence.reproduced, divergence.problem) == ("b", "x", "the bits differ")


def test_what_only_one_side_has_is_a_divergence():
    fewer = {"one": EQUAL["one"]}
    assert compare_digests(EQUAL, fewer).divergences[0].problem == "only the record has it"
    assert compare_digests(fewer, EQUAL).divergences[0].problem == "only the reproduction has it"


def test_nothing_to_compare_is_not_exact():
    assert not compare_digests({}, {}).is_exact
    assert compare_outcomes([outcome()], [outcome()]) is None
    assert compare_outcomes([outcome(a="1")], [outcome()]) is None


def test_a_run_without_digests_on_either_side_is_not_covered_and_then_nothing_is_exact():
    with_extension = compare_outcomes([outcome(a="1")], [outcome(a="1"), outcome(seed=2, a="9")])
    assert (with_extension.is_exact, with_extension.uncovered) == (False, ("baseline/t/seed-2",))
    one_of_three = compare_outcomes([outcome(a="1")], [outcome(a="1"), outcome(seed=2), outcome(seed=3)])
    assert (one_of_three.is_exact, len(one_of_three.uncovered)) == (False, 2)


def test_recorded_runs_that_were_not_asked_for_are_left_out():
    assert compare_outcomes([outcome(a="1"), outcome(seed=2, a="9")], [outcome(a="1")]).is_exact


@pytest.mark.parametrize(
    "change",
    [{"reward": 3.0}, {"episode_returns": (1.0,)}, {"plan_reward": 2.0}, {"plan_episode_returns": (2.0,)}],
)
def test_equal_digests_with_other_returns_are_not_exact(change):
    replay = compare_outcomes([outcome(a="1")], [evolve(outcome(a="1"), **change)])
    assert not replay.is_exact
    assert replay.divergences[0].quantity == next(iter(change)).replace("_", " ")


def test_a_phase_whose_digests_are_equal_is_exact_and_one_bit_off_is_judged_by_its_values():
    rows = [outcome(seed=seed, first="1", second=str(seed)) for seed in (1, 2, 3)]
    recorded = RecordedOutcomes(phase="p", scale="embedded", source="x", outcomes=rows)

    def judge(measured):
        return judge_phase(recorded, measured, VerdictRules(), replay=compare_outcomes(recorded.judged, measured))

    assert judge(rows).decision is Decision.EXACT
    off = [evolve(row, digests=(row.digests[0], evolve(row.digests[1], digest="other"))) for row in rows]
    assert judge(off).decision is Decision.PASS
    assert "  baseline/t/seed-1: first at step 1, training: the bits differ" in verdict_text(judge(off))


def test_exact_never_stands_above_a_fail():
    rows = [outcome(seed=seed, first="1") for seed in (1, 2, 3)]
    other = [evolve(row, reward=row.reward + 500) for row in rows]
    recorded = RecordedOutcomes(phase="p", scale="embedded", source="x", outcomes=rows)
    forged = evolve(compare_outcomes(rows, rows))
    verdict = judge_phase(recorded, other, VerdictRules(), replay=forged)
    assert forged.is_exact
    assert (verdict.decision, verdict.exit_code) == (Decision.FAIL, 1)


def test_a_record_without_digests_is_judged_by_values_and_says_so():
    rows = [outcome(seed=seed) for seed in (1, 2, 3)]
    recorded = RecordedOutcomes(phase="p", scale="embedded", source="x", outcomes=rows)
    verdict = judge_phase(recorded, rows, VerdictRules(), replay=compare_outcomes(rows, rows))
    assert verdict.decision is Decision.PASS
    assert "no digests on one of the sides, so values alone are judged" in " ".join(verdict_text(verdict).split())
