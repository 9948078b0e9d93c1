"""Two sets of outcomes side by side: what is compared with what, and what is said to be shown."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from attrs import evolve
from fakes.stores import write_store

from rephase.cli.main import main
from rephase.errors import UsageError
from rephase.judging import claims_of
from rephase.judging.claims import judge_claims
from rephase.manifest.outcomes import Outcome
from rephase.manifest.rules import VerdictRules
from rephase.reproduction.comparing import ComparedSide, Difference, compare

ROOT = Path(__file__).parents[3]


def side(values: dict[tuple[str, str], list[float]], name: str = "phase", floor: float = 20.0) -> ComparedSide:
    outcomes = [
        Outcome(config=config, task=task, seed=seed, reward=value)
        for (config, task), rewards in values.items()
        for seed, value in enumerate(rewards)
    ]
    return ComparedSide(
        name=name,
        source="runs",
        outcomes=tuple(outcomes),
        configs=tuple(dict.fromkeys(config for config, _ in values)),
        rules=VerdictRules(floor=floor),
    )


def test_a_large_gap_is_shown_and_named_by_its_side() -> None:
    low, high = side({("a", "walk"): [100, 110, 105]}), side({("b", "walk"): [500, 490, 505]})
    [up], [down] = compare(low, high), compare(high, low)

    assert (up.first_config, up.second_config) == ("a", "b")
    assert (up.difference, down.difference) == (Difference.SECOND, Difference.FIRST)
    assert up.gap == -down.gap == pytest.approx(498.333 - 105, abs=1e-2)
    assert up.ratio == pytest.approx(4.746, abs=1e-3)
    assert up.test is not None
    assert up.test.low < up.gap < up.test.high


def test_a_gap_within_the_floor_is_called_equal_and_a_wide_interval_is_not() -> None:
    [close] = compare(side({("a", "walk"): [100, 101, 102]}), side({("a", "walk"): [104, 105, 106]}))
    [wide] = compare(side({("a", "walk"): [0, 100, 200]}), side({("a", "walk"): [1, 101, 201]}))
    [one] = compare(side({("a", "walk"): [100]}), side({("a", "walk"): [100]}))

    assert close.difference is Difference.EQUAL
    assert wide.difference is Difference.OPEN
    assert (one.difference, one.test, one.p_holm) == (Difference.OPEN, None, 1.0)
    assert math.isnan(one.first_sd)


def test_p_values_are_adjusted_over_all_cells_together() -> None:
    one = {("a", "walk"): [100, 120, 110]}, {("a", "walk"): [160, 190, 170]}
    more = [{**values, ("a", "run"): [0.0, 50.0, 90.0], ("a", "sit"): [1.0, 40.0, 80.0]} for values in one]
    [alone] = compare(*map(side, one))
    among = compare(*map(side, more))

    assert alone.test is not None
    assert alone.p_holm == alone.test.p < 0.05
    assert among[0].p_holm == pytest.approx(3 * alone.p_holm)


def test_configurations_meet_by_name_unless_there_is_one_on_each_side() -> None:
    several = side({("a", "walk"): [1, 2], ("b", "walk"): [3, 4], ("c", "run"): [5, 6]}, "first")
    other = side({("b", "walk"): [3, 4], ("d", "walk"): [3, 4]}, "second")

    assert [(cell.first_config, cell.second_config) for cell in compare(several, other)] == [("b", "b")]
    with pytest.raises(UsageError) as caught:
        compare(several, side({("d", "walk"): [3, 4]}, "third"))
    assert str(caught.value) == (
        "no cell in common: first has a, b, c on walk, run against third has d on walk; "
        "name one configuration of each, as in 'rephase compare phase3:baseline phase3:flowpolicy'"
    )


def test_what_it_finds_is_what_claims_are_judged_by(capsys: pytest.CaptureFixture[str]) -> None:
    from rephase.manifest.outcomes import read_outcomes

    words = ["compare", "phase3@logged:flowpolicy", "phase3@logged:baseline", "--project", str(ROOT), "--recorded"]
    assert main([*words, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    recorded = read_outcomes(ROOT / "reproductions/phase3/logged.recorded.json")
    seeds: dict[tuple[str, str], dict[int, float]] = {}
    for one in recorded.judged:
        seeds.setdefault((one.config, one.task), {})[one.seed] = one.reward
    [claim] = [one for one in judge_claims(claims_of(recorded), seeds, seeds) if one.claim.task == "walker-stand"]
    [cell] = [one for one in data["cells"] if one["task"] == "walker-stand"]

    assert claim.record is not None
    assert cell["gap"] == pytest.approx(claim.gap)
    assert cell["test"]["p"] == pytest.approx(claim.record.p)
    assert cell["difference"] == "no difference shown"
    assert data["first"] == {"name": "phase3@logged:flowpolicy", "source": "recorded: log"}


def test_the_text_names_both_sides_and_where_they_come_from(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["compare", "phase4@logged", "phase5@logged:euler-fast", "--project", str(ROOT), "--recorded"]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()

    assert lines[0] == "first   phase4@logged (recorded: later public record)"
    assert lines[1] == "second  phase5@logged:euler-fast (recorded: later public record)"
    assert lines[3] == "settings that differ:"
    assert any(line.split()[:3] == ["first", "second", "gap"] for line in lines)
    assert any(line.split()[:4] == ["walker-stand", "136.6", "±", "7.8"] for line in lines)
    assert len([line for line in lines if line.startswith(("  walker-", "  cheetah-", "  reacher-"))]) == 2


def test_a_side_that_is_not_well_formed_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "phase3@lodged", "phase3", "--project", str(ROOT)]) == 2
    assert "expected PHASE, PHASE@SCALE or PHASE@SCALE:CONFIG with a scale of embedded or logged" in (
        capsys.readouterr().err
    )
    assert main(["compare", "phase3@logged:bassline", "phase3@logged", "--project", str(ROOT)]) == 2
    assert "unknown config 'bassline'; did you mean 'baseline'?" in capsys.readouterr().err


def test_a_phase_without_runs_does_not_pass_off_the_record_it_is_judged_by_as_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["compare", "phase3:flowpolicy", "phase3-dopri5:flowpolicy", "--project", str(ROOT)]

    said = (
        "nothing is recorded of its own, it is judged by what phase3 recorded; "
        "'rephase run phase3-dopri5' makes runs, 'rephase record phase3-dopri5' records them\n"
    )

    for more in ([], ["--recorded"]):
        assert main([*words, "--runs", str(tmp_path), *more]) == 2
        assert capsys.readouterr().err == f"rephase: phase3-dopri5:flowpolicy: {said}"
    assert main(["log", "phase3-dopri5", "--recorded", "--project", str(ROOT)]) == 2
    assert capsys.readouterr().err == f"rephase: phase3-dopri5: {said}"


def test_a_derived_phase_shows_whose_record_it_is_judged_by(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "phase3-dopri5", "--project", str(ROOT)]) == 0
    shown = capsys.readouterr().out
    assert main(["show", "phase3", "--project", str(ROOT)]) == 0

    table = shown.partition("judged by what phase3 recorded (")[2].splitlines()[2:]
    assert len(table) == 36
    assert all(row.startswith("flowpolicy ") for row in table)
    assert "recorded outcomes (" in capsys.readouterr().out


def test_every_setting_that_differs_is_told_before_any_difference_of_returns(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["--recorded", "--project", str(ROOT)]
    assert main(["compare", "phase4:fullflow", "factorial:learned-flow-flow", *words]) == 0
    text = capsys.readouterr().out
    assert text.index("settings that differ:") < text.index("95% interval")
    assert "variants.reward_loss: as-logged against corrected" in text
    assert main(["compare", "phase3@logged", "phase3@embedded", *words, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["settings"][0] == {"name": "algorithm.epochs", "first": "10000", "second": "300"}
    assert main(["compare", "phase3:baseline", "phase3:baseline", *words]) == 0
    assert "no setting differs" in capsys.readouterr().out


def test_a_phase_is_compared_with_itself_under_another_version(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = write_store(tmp_path / "before"), write_store(tmp_path / "after", scale=0.5)
    for store, mujoco in ((before, "3.17.0"), (after, "3.9.1")):
        for record in store.records():
            store.write_record(evolve(record, provenance={"software": {"mujoco": mujoco}}))
    words = ["compare", "phase3@logged", "phase3@logged", "--project", str(ROOT), "--runs", str(tmp_path / "before")]
    assert main([*words, "--against-runs", str(tmp_path / "after")]) == 0
    text = capsys.readouterr().out
    assert "no setting differs" in text
    assert "  mujoco: 3.17.0 against 3.9.1" in text
    assert "0 of 18 runs of the same seeds are equal to the bit" in text
    assert "outcomes differ: baseline/reacher-easy (-49" in text
    assert max(map(len, text.splitlines())) <= 80
    assert main([*words, "--against-runs", str(tmp_path / "before")]) == 0
    text = capsys.readouterr().out
    assert "18 of 18 runs of the same seeds are equal to the bit" in text
    assert "no difference of outcomes is shown; gaps of up to " in text
    assert main([*words, "--against-runs", str(tmp_path / "none")]) == 2
    assert "there is no completed run of phase3-logged in it" in capsys.readouterr().err
