"""What policies return before their first update, recorded beside what was recorded of trained ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve
from fakes.projects import make_project

from rephase.cli.main import main
from rephase.manifest.outcomes import UNTRAINED, Outcome, RecordedOutcomes, read_outcomes, write_outcomes
from rephase.reproduction.phases import open_phase
from rephase.reproduction.recording import still_untrained
from rephase.reproduction.untrained import untrained_outcomes

TASKS = ("reacher-easy",)


def record_in(project: Path) -> Path:
    trained = Outcome(config="baseline", task="reacher-easy", seed=1, reward=500.0)
    path = project / "reproductions/phase3/embedded.recorded.json"
    write_outcomes(path, RecordedOutcomes(phase="phase3", scale="embedded", source="us", outcomes=[trained]))
    return path


@pytest.mark.slow
def test_rows_are_added_once_and_judged_rows_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make_project(tmp_path, tasks=TASKS, seeds=(1,))
    path = record_in(project)

    for _ in range(2):
        assert main(["record", "phase3", "--untrained", "--project", str(project)]) == 0

    recorded = read_outcomes(path)
    assert [row.reward for row in recorded.judged] == [500.0]
    assert [row.seed for row in recorded.untrained if row.config == "baseline"] == [1, 7, 8]
    assert {row.epochs for row in recorded.untrained} == {0}
    assert "6 untrained policies of phase3-embedded recorded" in capsys.readouterr().out


def test_a_phase_without_a_record_says_what_comes_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make_project(tmp_path, tasks=TASKS, seeds=(1,))

    assert main(["record", "phase3", "--untrained", "--project", str(project)]) == 2

    assert "'rephase record phase3' comes first" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("trains_world_model", [False, True])
def test_they_are_what_training_begins_with(tmp_path: Path, trains_world_model: bool) -> None:
    import torch

    from rephase.engine.cohort import Member
    from rephase.environments import find_task
    from rephase.plugins.registry import discover
    from rephase.reproduction.assembling import build_cohort
    from rephase.reproduction.composing import compose
    from rephase.reproduction.evaluating import Episodes
    from rephase.reproduction.inputs import verify_inputs

    project = make_project(tmp_path, tasks=TASKS, seeds=(3,), trains_world_model=trains_world_model)
    phase = open_phase("phase3", "embedded", project)
    [run] = phase.select("flowpolicy", "", 3)

    [row] = untrained_outcomes(phase, [run], lambda _: None)

    composition = compose(phase, discover(phase.manifest.plugins), [run.config])[run.config]
    cohort = build_cohort(phase, run.config, [run], composition, verify_inputs(phase, [run.config], None), "cpu")
    assert cohort.members == (Member(find_task(run.task).index, run.seed),)
    playing = Episodes([run])
    with torch.no_grad():
        played = playing.play(UNTRAINED, 1, cohort.actors().act, lambda: None)
    playing.close()
    assert row.episode_returns == pytest.approx(played.returns[0].tolist(), abs=1e-3)


def test_rows_of_a_config_that_has_changed_are_not_kept(tmp_path: Path) -> None:
    phase = open_phase("phase3", "embedded", make_project(tmp_path, tasks=TASKS, seeds=(1,)))
    row = Outcome(
        config="baseline",
        task="reacher-easy",
        seed=1,
        reward=1.0,
        source=UNTRAINED,
        config_digest=phase.config_digest("baseline"),
    )
    other = evolve(row, seed=2, config_digest="sha256:" + 64 * "0")
    recorded = RecordedOutcomes(phase="phase3", scale="embedded", source="us", outcomes=[row, other])

    assert still_untrained(phase, recorded) == (row,)
