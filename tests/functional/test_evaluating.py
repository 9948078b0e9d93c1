"""Evaluations on the way: between updates or beside them, stopped and gone on with, the numbers are the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from fakes.projects import make_project

from rephase.cli.main import main
from rephase.engine.acting import Actors
from rephase.errors import EnvironmentFault
from rephase.manifest.record import Record, read_record
from rephase.reproduction import evaluating, training
from rephase.reproduction.stopping import Stopping

PLACES = [False, True]


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rephase.environments.environment.EPISODE_STEPS", 20)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return _project(tmp_path)


def _project(folder: Path, trains: bool = False) -> Path:
    project = make_project(folder, tasks=("reacher-easy",), epochs=6, trains_world_model=trains)
    manifest = project / "reproductions/phase3/embedded.toml"
    manifest.write_text(manifest.read_text().replace("every = 0", "every = 2\ncurve_episodes = 1"))
    return project


@pytest.fixture
def overlap(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Decides where evaluations are played, which is otherwise the device's business."""

    def decide(beside: bool) -> None:
        monkeypatch.setattr(training, "CohortTraining", partial(_Original, overlap=beside))

    return decide


_Original = training.CohortTraining


def _run(project: Path, runs: str, *more: str) -> int:
    words = ["run", "phase3", "--project", str(project), "--config", "baseline", "--threads", "1", "--jobs", "1"]
    return main([*words, "--runs", str(project / runs), *more])


def _records(project: Path, runs: str) -> list[Record]:
    return [read_record(path) for path in sorted((project / runs).glob("**/record.json"))]


def _numbers(records: list[Record]) -> list[Any]:
    return [(one.policy_sha256, one.world_model_sha256, one.episode_returns, one.curve, one.metrics) for one in records]


@pytest.mark.slow
@pytest.mark.parametrize("trains", [False, True])
def test_where_evaluations_are_played_changes_no_bit(
    tmp_path: Path, overlap: Callable[[bool], None], trains: bool
) -> None:
    project = _project(tmp_path, trains)
    for beside, runs in zip(PLACES, ("between", "beside"), strict=True):
        overlap(beside)
        assert _run(project, runs) == 0

    between, beside_training = _records(project, "between"), _records(project, "beside")
    assert [point.epoch for point in between[0].curve] == [2, 4, 6]
    assert len(between) == 2
    assert _numbers(between) == _numbers(beside_training)
    assert {one.provenance["evaluations"] for one in between} == {"between updates"}
    assert {one.provenance["evaluations"] for one in beside_training} == {"beside training"}
    assert {one.provenance["precision"] for one in between} == {"float32"}
    assert {one.provenance["updates"] for one in between} == {"as written"}


def test_on_a_cpu_evaluations_are_played_between_updates(project: Path) -> None:
    before = threading.active_count()
    assert _run(project, "runs") == 0
    assert {one.provenance["evaluations"] for one in _records(project, "runs")} == {"between updates"}
    assert threading.active_count() == before


@pytest.mark.slow
@pytest.mark.parametrize("beside", PLACES)
@pytest.mark.parametrize("trains", [False, True])
def test_a_stop_in_the_middle_of_an_evaluation_loses_no_point_of_the_curve(
    tmp_path: Path, overlap: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch, beside: bool, trains: bool
) -> None:
    project = _project(tmp_path, trains)
    overlap(False)
    assert _run(project, "undisturbed") == 0
    overlap(beside)
    steps = 0

    def act(self: Actors, observation: torch.Tensor) -> torch.Tensor:
        nonlocal steps
        steps += 1
        if steps == 30:  # in the second evaluation, of 20 steps each
            stop.set()
        return original(self, observation)

    original, stop = Actors.act, threading.Event()
    with monkeypatch.context() as patch:
        patch.setattr(Actors, "act", act)
        patch.setattr(Stopping, "is_requested", property(lambda self: stop.is_set()))
        patch.setattr(Stopping, "stop_if_requested", _stop_if(stop))
        assert _run(project, "runs") == 130
    before = threading.active_count()
    assert _run(project, "runs") == 0

    assert _numbers(_records(project, "undisturbed")) == _numbers(_records(project, "runs"))
    assert all(one.resumed for one in _records(project, "runs"))
    assert threading.active_count() == before


def _stop_if(stop: threading.Event) -> Callable[[Stopping], None]:
    def stop_if_requested(self: Stopping) -> None:
        if stop.is_set():
            raise KeyboardInterrupt

    return stop_if_requested


@pytest.mark.parametrize("beside", PLACES)
def test_an_evaluation_that_fails_ends_the_runs_with_the_one_error(
    project: Path,
    overlap: Callable[[bool], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    beside: bool,
) -> None:
    overlap(beside)

    def diverged(*_: object) -> None:
        raise EnvironmentFault("the physics diverged", where="reacher-easy", remedy="look at the actions")

    monkeypatch.setattr(evaluating, "evaluate", diverged)
    code = _run(project, "runs")

    assert code == EnvironmentFault.exit_code
    assert "reacher-easy: the physics diverged; look at the actions" in capsys.readouterr().err
    states = [path.read_text() for path in (project / "runs").glob("**/state.json")]
    assert len(states) == 2
    assert all('"FAILED"' in state and "the physics diverged" in state for state in states)
