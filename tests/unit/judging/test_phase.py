import json
import math
import random

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from rephase.judging import Breach, Decision, compare_digests, judge_cells, judge_phase, verdict_text
from rephase.manifest.outcomes import Digest, Outcome, RecordedOutcomes, SummaryRow
from rephase.manifest.rules import VerdictRules

RULES = VerdictRules()
SEEDS = (42, 123, 456)
CELLS = {
    ("baseline", "reacher-easy"): (981.20, 983.50, 982.20),
    ("baseline", "walker-stand"): (972.32, 923.48, 977.35),
    ("baseline", "cheetah-run"): (93.69, 108.80, 134.97),
    ("flow policy", "reacher-easy"): (976.70, 983.40, 981.90),
    ("flow policy", "walker-stand"): (854.53, 744.92, 919.90),
    ("flow policy", "cheetah-run"): (80.97, 94.75, 120.52),
}


def rows(cells=CELLS, seeds=SEEDS, change=lambda value: value):
    return [
        Outcome(config=config, task=task, seed=seed, reward=change(value))
        for (config, task), values in cells.items()
        for seed, value in zip(seeds, values, strict=False)
    ]


def record(outcomes=None, **changes):
    values = {
        "phase": "phase3",
        "scale": "logged",
        "source": "log",
        "outcomes": rows() if outcomes is None else outcomes,
    }
    return RecordedOutcomes(**(values | changes))


def judge(measured, recorded=None, **options):
    return judge_phase(recorded or record(), measured, RULES, **options)


def test_the_same_values_again_are_a_pass_that_says_what_it_certifies():
    verdict = judge(rows())
    assert (verdict.decision, verdict.exit_code, verdict.breaches) == (Decision.PASS, 0, ())
    assert {cell.decision for cell in verdict.cells} == {Decision.PASS}
    assert all(cell.difference == 0.0 and 0 < cell.upper <= cell.margin for cell in verdict.cells)
    assert verdict.cells[0].reason == "a shift of up to 36.4 points (32% of the recorded mean) is left open"
    expected = "no shift shown in 6 cells; shifts of up to 154 points (18% of its mean) on flow policy/walker-stand"
    assert verdict.reason == f"{expected} are left open"
    assert verdict.extension is None


def test_every_outcome_at_a_third_fails():
    verdict = judge(rows(change=lambda value: 0.3 * value))
    assert (verdict.decision, verdict.exit_code) == (Decision.FAIL, 1)
    assert verdict.reason.startswith("a material shift was shown for ")


def test_a_run_of_every_cell_that_returned_nothing_never_passes():
    measured = [evolve(row, reward=0.0) if row.seed == 456 else row for row in rows()]
    verdict = judge(measured)
    assert verdict.decision is Decision.INCONCLUSIVE
    assert all(cell.decision is not Decision.PASS for cell in verdict.cells)
    assert verdict.cells[0].withheld == "a run at 0.0 points, under a fourth of the lowest recorded 93.7"


def test_against_twelve_recorded_seeds_one_collapsed_run_fails():
    seeds = range(12)
    generator = random.Random(4)
    wide = {cell: [sum(v) / 3 + generator.gauss(-30, 10) for _ in seeds] for cell, v in CELLS.items()}
    recorded = [
        Outcome(config=c, task=t, seed=seed, reward=values[seed]) for (c, t), values in wide.items() for seed in seeds
    ]
    measured = [row for row in recorded if row.seed < 3]
    runs = [row.run for row in measured]
    assert judge(measured, record(recorded), runs=runs).decision is Decision.PASS
    measured = [evolve(row, reward=0.0) if row.run == ("baseline", "walker-stand", 1) else row for row in measured]
    verdict = judge(measured, record(recorded), runs=runs)
    assert verdict.decision is Decision.FAIL
    assert "a spread of " in next(cell.reason for cell in verdict.cells if cell.decision is Decision.FAIL)


def test_a_spread_seven_times_the_recorded_is_withheld():
    cells = CELLS | {("baseline", "walker-stand"): (970.0, 500.0, 975.0)}
    cell = next(c for c in judge(rows(cells)).cells if (c.config, c.task) == ("baseline", "walker-stand"))
    assert cell.upper <= cell.margin
    assert (cell.decision, cell.reason) == (
        Decision.INCONCLUSIVE,
        "a spread of 272.8 points, 9.2 times the recorded, a run at 500.0",
    )


@pytest.mark.parametrize("before", [1, 2, 3, 7, 40, 100])
@pytest.mark.parametrize("after", [1, 2, 3, 7, 40, 100])
def test_every_pair_of_numbers_of_seeds_is_answered(before, after):
    cell = ("a", "b")
    generator = random.Random(before * 101 + after)
    sides = [{cell: [generator.gauss(5e-4, 1e-4) for _ in range(count)]} for count in (before, after)]
    (verdict,) = judge_cells(*sides, evolve(RULES, floor=1e-6))
    assert verdict.decision in (Decision.PASS, Decision.INCONCLUSIVE, Decision.FAIL)
    assert verdict.degrees == (before + after - 2 if before + after > 2 else 0)
    assert math.isnan(verdict.upper) == (before + after == 2)


def test_values_of_any_unit_are_judged_alike():
    for factor, offset in ((1e-6, 0.0), (1e9, 0.0), (1.0, -5000.0)):
        moved = [evolve(row, reward=factor * row.reward + offset) for row in rows()]
        again = [evolve(row, reward=factor * 0.95 * row.reward + offset) for row in rows()]
        rules = evolve(RULES, floor=20 * factor)
        verdict = judge_phase(record(moved), again, rules, returns=None)
        expected = judge(rows(change=lambda value: 0.95 * value))
        assert [cell.decision for cell in verdict.cells] == [cell.decision for cell in expected.cells]


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


def test_seeds_that_spread_less_than_their_episodes_would_are_a_warning():
    episodes = (0.0, 1000.0) * 5
    same = [evolve(row, reward=500.0 + row.seed % 2, episode_returns=()) for row in rows()]
    noisy = [evolve(row, reward=500.0, episode_returns=episodes) if row.task == "reacher-easy" else row for row in same]
    (note,) = judge(noisy, record(noisy)).notes
    assert note.startswith("seeds spread less than their episodes alone would make them: baseline/reacher-easy (0.0")
    assert "episodes alone 166.7" in note


def test_cells_come_in_the_order_of_the_declared_runs():
    runs = [row.run for row in reversed(rows())]
    found = [(cell.config, cell.task) for cell in judge(rows(), runs=runs).cells]
    assert found == list(reversed(CELLS))


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


def test_a_wide_spread_is_inconclusive_and_names_the_declared_remedy():
    cells = CELLS | {("flow policy", "walker-stand"): (700.0, 620.0, 670.0)}
    verdict = judge(rows(cells))
    assert (verdict.decision, verdict.exit_code) == (Decision.INCONCLUSIVE, 4)
    assert verdict.reason.startswith(
        "neither a shift nor its absence was shown for flow policy/walker-stand (a shift of"
    )
    assert verdict.extension.seeds == (789, 1011, 1213)
    assert len(verdict.extension.runs) == 18
    assert "the declared remedy: 18 more runs with seeds 789, 1011, 1213, after which" in verdict_text(verdict)


def test_six_seeds_are_judged_against_the_narrower_shift_and_are_final():
    cells = CELLS | {("flow policy", "walker-stand"): (700.0, 620.0, 670.0)}
    measured = rows(cells) + rows(cells, seeds=(789, 1011, 1213))
    verdict = judge(measured)
    assert verdict.breaches == ()
    assert {cell.k for cell in verdict.cells} == {3.0}
    assert verdict.extension is None


def test_an_extension_once_begun_must_be_finished():
    verdict = judge(rows() + rows(seeds=(789,)))
    assert (verdict.decision, verdict.exit_code) == (Decision.NOTHING, 3)
    assert "24 of 36 runs are complete" in verdict.reason


def test_missing_runs_are_no_breach_and_are_named():
    verdict = judge(rows()[1:])
    assert (verdict.decision, verdict.exit_code, verdict.breaches) == (Decision.NOTHING, 3, ())
    assert verdict.reason == "17 of 18 runs are complete; still to do: baseline/reacher-easy/seed 42"
    assert verdict.missing == (("baseline", "reacher-easy", 42),)
    assert "NOTHING TO JUDGE YET: phase3 at the logged scale: 17 of 18 runs" in verdict_text(verdict)
    unrun = judge([])
    assert (unrun.decision, unrun.reason, unrun.cells) == (Decision.NOTHING, "no run is complete", ())


def test_a_breach_among_complete_runs_is_not_hidden_by_missing_ones():
    measured = rows()[1:]
    measured[0] = evolve(measured[0], reward=math.nan)
    assert judge(measured).decision is Decision.INVALID


def test_runs_the_record_was_made_from_are_nothing_to_judge():
    verdict = judge(rows(), nothing="the record was made from these very runs")
    assert (verdict.decision, verdict.exit_code) == (Decision.NOTHING, 3)


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


def test_a_breach_found_elsewhere_makes_the_phase_invalid():
    breach = Breach(rule="checkpoint", where="run 4", problem="made with another", remedy="repeat it")
    assert judge(rows(), breaches=[breach]).reason == (
        "1 integrity breach, the first: run 4: made with another; repeat it"
    )


def test_equal_digests_are_exact_and_a_breach_is_still_invalid():
    digests = {"run": {0: {"actor": "a"}, 1: {"actor": "b"}}}
    replay = compare_digests(digests, digests)
    assert (judge(rows(), replay=replay).decision, judge(rows(), replay=replay).exit_code) == (Decision.EXACT, 0)
    assert judge([*rows(), rows()[0]], replay=replay).decision is Decision.INVALID


def test_a_divergence_is_reported_and_the_phase_is_judged_by_its_values():
    replay = compare_digests({"run": {0: {"actor": "a"}}}, {"run": {0: {"actor": "x"}}})
    verdict = judge(rows(), replay=replay)
    assert verdict.decision is Decision.PASS
    assert "  run: first at step 0, actor: the bits differ" in verdict_text(verdict)


def test_one_seed_on_each_side_is_inconclusive_and_not_a_crash():
    short = rows(seeds=(42,))
    verdict = judge(short, record(short))
    assert verdict.decision is Decision.INCONCLUSIVE
    assert verdict.cells[0].reason == "one seed on each side: the spread between seeds is unknown"
    json.dumps(verdict.to_json(), allow_nan=False)
    assert verdict_text(verdict)


@pytest.mark.parametrize(("short", "full"), [((42,), SEEDS), (SEEDS, (42,))])
def test_one_seed_on_one_side_uses_the_others_spread(short, full):
    measured, recorded = rows(seeds=short), rows(seeds=full)
    verdict = judge(measured, record(recorded), runs=[row.run for row in measured])
    assert {cell.degrees for cell in verdict.cells} == {2}
    assert verdict.decision in (Decision.PASS, Decision.INCONCLUSIVE)


def test_no_spread_at_all_has_defined_answers():
    flat = dict.fromkeys(CELLS, (500.0, 500.0, 500.0))
    recorded = record(rows(flat))
    assert judge(rows(flat), recorded).decision is Decision.PASS
    assert judge(rows(flat, change=lambda v: v + 19.9), recorded).cells[0].decision is Decision.PASS
    assert judge(rows(flat, change=lambda v: v + 20.0), recorded).cells[0].decision is Decision.PASS
    assert judge(rows(flat, change=lambda v: v + 21.0), recorded).decision is Decision.FAIL


def test_runs_of_another_length_are_noted():
    longer = [evolve(row, epochs=15_000) for row in rows()]
    assert judge(longer).notes == ()  # nobody recorded how long the others were
    shorter = record([evolve(row, epochs=10_000) for row in rows()])
    expected = "the recorded runs had 10,000 epochs, the reproduced ones 15,000: they are not the same experiment"
    assert judge(longer, shorter).notes == (expected,)
    assert f"note: {expected}" in " ".join(verdict_text(judge(longer, shorter)).split())


def test_nothing_recorded_or_nothing_measured_is_invalid():
    assert judge([], record([])).reason == "there is nothing to compare: no outcome on either side"
    assert judge(rows(), record([])).decision is Decision.INVALID


def test_rows_of_another_source_are_not_judged_against():
    other = [evolve(row, source="later public record", reward=1.0) for row in rows()]
    assert judge(rows(), record([*rows(), *other])).decision is Decision.PASS


def test_a_method_a_little_worse_everywhere_fails_over_all_tasks():
    tight = dict.fromkeys(CELLS, (500.0, 502.0, 498.0, 501.0, 499.0, 500.5))
    seeds = (1, 2, 3, 4, 5, 6)
    recorded = record(rows(tight, seeds))
    verdict = judge(rows(tight, seeds, lambda v: v - 15.0), recorded)
    assert {cell.decision for cell in verdict.cells} == {Decision.PASS}  # under the floor of 20 points in each
    assert [one.decision for one in verdict.aggregates] == [Decision.FAIL, Decision.FAIL]
    assert verdict.decision is Decision.FAIL


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


def test_the_text_and_the_json_carry_the_same_figures():
    verdict = judge(rows(change=lambda value: 0.97 * value))
    tree, text = verdict.to_json(), verdict_text(verdict)
    json.dumps(tree, allow_nan=False)
    assert tree["decision"] == str(verdict.decision)
    assert max(map(len, text.splitlines())) <= 80
    joined = " ".join(text.split())
    for cell in tree["cells"]:
        assert f"{cell['reproduced_mean']:.1f} ± {cell['reproduced_sd']:.1f}" in text
        assert f"{cell['upper']:.1f}" in text
        assert cell["decision"] == "PASS" or cell["reason"] in joined
    for claim in tree["claims"]:
        assert claim["reason"] in joined
    assert tree["reason"] in joined


value = st.floats(0, 1000, allow_nan=False)
phases = st.dictionaries(
    st.sampled_from(sorted(CELLS)), st.tuples(value, value, value, value, value, value), min_size=1, max_size=6
)


def split(cells):
    return (
        rows({cell: values[:3] for cell, values in cells.items()}),
        rows({cell: values[3:] for cell, values in cells.items()}),
    )


@settings(deadline=None, max_examples=60)
@given(phases, st.integers(0, 1000))
def test_the_order_of_rows_changes_nothing_at_all(cells, seed):
    recorded, measured = split(cells)
    before = judge(measured, record(recorded)).to_json()
    random.Random(seed).shuffle(measured)
    random.Random(seed + 1).shuffle(recorded)
    assert judge(measured, record(recorded)).to_json() == before


@settings(deadline=None, max_examples=60)
@given(phases)
def test_equal_data_never_fails(cells):
    recorded, _ = split(cells)
    assert judge(recorded, record(recorded)).decision is Decision.PASS


grid = st.integers(0, 2**12).map(lambda whole: whole / 8)  # exact in binary, so that a shift by 400 rounds nothing
coarse = st.dictionaries(
    st.sampled_from(sorted(CELLS)), st.tuples(grid, grid, grid, grid, grid, grid), min_size=1, max_size=6
)


@settings(deadline=None, max_examples=60)
@given(coarse)
def test_a_constant_added_to_everything_changes_no_decision(cells):
    recorded, measured = split(cells)
    moved = lambda side: [evolve(row, reward=row.reward + 400.0) for row in side]  # noqa: E731
    before, after = judge(measured, record(recorded)), judge(moved(measured), record(moved(recorded)))
    # What is said of a run far outside the record, and of a spread as a share of the mean, depends on where 0 is.
    is_far = [cell.withheld.startswith("a run at") for cell in (*before.cells, *after.cells)]
    if not any(is_far):
        assert [cell.decision for cell in after.cells] == [cell.decision for cell in before.cells]
        assert after.decision == before.decision
    assert [cell.p for cell in after.cells] == pytest.approx([cell.p for cell in before.cells], rel=1e-6, abs=1e-12)


anything = st.floats() | st.sampled_from([0.0, 500.0, 1000.0])


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.tuples(st.sampled_from(sorted(CELLS)), st.sampled_from([1, 2, 3]), anything), max_size=12),
    st.lists(st.tuples(st.sampled_from(sorted(CELLS)), st.sampled_from([1, 2, 3]), anything), max_size=12),
)
def test_no_values_whatever_make_judging_crash(recorded, measured):
    made = [[Outcome(config=c, task=t, seed=s, reward=v) for (c, t), s, v in side] for side in (recorded, measured)]
    verdict = judge(made[1], record(made[0]))
    json.dumps(verdict.to_json(), allow_nan=False)
    assert verdict.decision in Decision
    assert verdict_text(verdict)
