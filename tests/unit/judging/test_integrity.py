"""Whether what was run is what was declared, before any statistics."""

import json
import math

import pytest
from attrs import evolve
from fakes.judged import judge, record, rows
from hypothesis import strategies as st

from rephase.judging import Decision, verdict_text
from rephase.manifest.outcomes import Digest, Outcome


@pytest.mark.parametrize("side", ["recorded", "reproduced"])
@pytest.mark.parametrize(("reward", "plan"), [(500.0, None), (None, 400.0)])
def test_a_reward_that_is_not_the_mean_of_its_episodes_is_invalid(side, reward, plan):
    good = [evolve(row, episode_returns=(row.reward - 1, row.reward + 1)) for row in rows()]
    good = [evolve(row, plan_reward=row.reward, plan_episode_returns=row.episode_returns) for row in good]
    assert judge(good, record(good)).decision is Decision.PASS
    change = {"reward": reward} if reward is not None else {"plan_reward": plan}
    bad = [evolve(good[0], **change), *good[1:]]
    verdict = judge(bad, record(good)) if side == "reproduced" else judge(good, record(bad))
    assert (verdict.decision, verdict.exit_code) == (Decision.INVALID, 5)
    name = "reward" if reward is not None else "plan reward"
    assert f"baseline/reacher-easy/seed 42: {side} {name} is" in verdict.reason
    assert "the mean of its 2 episodes is 981.2" in verdict.reason


def test_a_record_with_digests_for_some_runs_only_is_invalid_and_names_a_row():
    digests = (Digest(step=1, quantity="policy", digest="sha256:aa"),)
    recorded = [evolve(row, digests=digests) for row in rows()]
    recorded[3] = evolve(recorded[3], digests=())
    verdict = judge(rows(), record(recorded))
    assert verdict.decision is Decision.INVALID
    assert "baseline/walker-stand/seed 42: the record has digests for 17 of 18 runs" in verdict.reason


def test_a_record_with_further_seeds_in_some_cells_only_is_invalid_and_names_the_run():
    runs = [row.run for row in rows()]
    recorded = rows() + rows(seeds=(789,))
    assert judge(rows(), record(recorded), runs=runs).decision is Decision.PASS
    verdict = judge(rows(), record(recorded[:-1]), runs=runs)
    assert verdict.decision is Decision.INVALID
    assert "flow policy/cheetah-run/seed 789: the record lacks this run" in verdict.reason


def test_a_recorded_run_twice_is_invalid():
    verdict = judge(rows(), record([*rows(), rows()[0]]))
    assert "baseline/reacher-easy/seed 42: 2 recorded outcomes for one run" in verdict.reason


def test_a_run_nobody_declared_is_invalid():
    verdict = judge([*rows(), Outcome(config="baseline", task="walker-stand", seed=7, reward=950.0)])
    expected = "baseline/walker-stand/seed 7: the run is not declared by the manifest; remove it"
    assert [str(breach) for breach in verdict.breaches] == [expected]


def test_a_run_twice_is_invalid():
    verdict = judge([*rows(), rows()[0]])
    assert [breach.rule for breach in verdict.breaches] == ["once"]
    assert str(verdict.breaches[0]) == "baseline/reacher-easy/seed 42: 2 reproduced outcomes for one run; keep one"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (math.nan, "reproduced reward is nan, expected a finite number"),
        (math.inf, "reproduced reward is inf, expected a finite number"),
        (1200.0, "reproduced reward is 1200, expected 0 to 1000"),
        (-0.1, "reproduced reward is -0.1, expected 0 to 1000"),
        (1e300, "reproduced reward is 1e+300, expected 0 to 1000"),
    ],
)
def test_a_return_that_can_be_none_is_invalid_and_spoils_only_its_cell(value, problem):
    measured = rows()
    measured[0] = evolve(measured[0], reward=value)
    verdict = judge(measured)
    assert verdict.decision is Decision.INVALID
    assert [breach.problem for breach in verdict.breaches] == [problem]
    assert [cell.decision for cell in verdict.cells].count(Decision.INVALID) == 1
    json.dumps(verdict.to_json(), allow_nan=False)
    assert problem in " ".join(verdict_text(verdict).split())


def test_bad_episode_returns_and_second_evaluations_are_breaches():
    measured = rows()
    measured[0] = evolve(measured[0], episode_returns=(981.2, math.nan), plan_reward=-5.0)
    verdict = judge(measured)
    assert [breach.rule for breach in verdict.breaches] == ["range", "finite"]


def test_swapped_labels_are_caught_by_the_config_digest():
    digests = {"baseline": "sha256:aa", "flow policy": "sha256:bb"}
    other = {"baseline": "flow policy", "flow policy": "baseline"}
    measured = [evolve(row, config=other[row.config], config_digest=digests[row.config]) for row in rows()]
    verdict = judge(measured, config_digests=digests)
    assert verdict.decision is Decision.INVALID
    assert verdict.breaches[0].problem == (
        "labelled flow policy but made with the configuration of baseline: the labels are swapped"
    )
    right = [evolve(row, config_digest=digests[row.config]) for row in rows()]
    assert judge(right, config_digests=digests).decision is Decision.PASS


value = st.floats(0, 1000, allow_nan=False)
