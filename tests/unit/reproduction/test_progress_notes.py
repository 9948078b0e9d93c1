from __future__ import annotations

from pathlib import Path

import pytest
from fakes.projects import make_project

from rephase.reproduction.phases import open_phase
from rephase.reproduction.progress_notes import ProgressNotes
from rephase.reproduction.storing import RunState, State, Store
from rephase.reproduction.training import Progress


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs", open_phase("phase3", "embedded", make_project(tmp_path / "project")))


def test_a_group_says_how_far_it_is_while_it_trains(store: Store) -> None:
    runs = store.phase.select(config="baseline")
    for run in runs:
        store.write_state(run, RunState(state=State.RUNNING, attempt=2, epochs=9, job="17_0"))
    seen: list[Progress] = []
    told = Progress(config="baseline", epoch=4, epochs=9, seconds_left=None, returns={})
    ProgressNotes(store, runs, seen.append, seconds=0.0)(told)
    assert seen == [told]
    for run in runs:
        state = store.state_of(run)
        assert state is not None
        assert (state.epoch, state.epochs, state.attempt, state.job) == (4, 9, 2, "17_0")


def test_notes_now_and_then_and_never_a_run_that_is_not_running(store: Store) -> None:
    first, second, *_ = store.phase.select(config="baseline")
    store.write_state(first, RunState(state=State.FAILED, epoch=1))
    store.write_state(second, RunState(state=State.RUNNING))
    ProgressNotes(store, (first, second), lambda progress: None, seconds=0.0)(
        Progress(config="baseline", epoch=4, epochs=9, seconds_left=None, returns={})
    )
    ProgressNotes(store, (first, second), lambda progress: None, seconds=1e9)(
        Progress(config="baseline", epoch=5, epochs=9, seconds_left=None, returns={})
    )
    epochs = [state.epoch for run in (first, second) if (state := store.state_of(run)) is not None]
    assert epochs == [1, 4]


def test_a_full_disk_ends_no_training(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    [run, *_] = store.phase.runs()
    store.write_state(run, RunState(state=State.RUNNING))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "write_state", full)
    ProgressNotes(store, (run,), lambda progress: None, seconds=0.0)(
        Progress(config="baseline", epoch=4, epochs=9, seconds_left=None, returns={})
    )
