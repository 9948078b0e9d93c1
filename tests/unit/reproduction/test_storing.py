"""Folders of runs: states, locks and records, and what is left behind by processes that die."""

from __future__ import annotations

import json
import multiprocessing
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
from attrs import evolve
from fakes.projects import make_project

from rephase.errors import InvalidRecord
from rephase.manifest import Run
from rephase.manifest.lock import Lock
from rephase.manifest.record import Record
from rephase.manifest.writing import write_atomically
from rephase.reproduction.phases import open_phase
from rephase.reproduction.storing import RunState, State, Store

RUN = Run("baseline", "reacher-easy", 1)
OTHER = Run("baseline", "reacher-easy", 2)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def store(project: Path, tmp_path: Path) -> Store:
    return Store(tmp_path / "runs", open_phase("phase3", "embedded", project))


def record_of(store: Store, run: Run = RUN) -> Record:
    return Record(
        phase="phase3",
        scale="embedded",
        config=run.config,
        task=run.task,
        seed=run.seed,
        manifest_digest=store.phase.digest,
        config_digest=store.phase.config_digest(run.config),
        resolved=store.phase.resolved(run.config),
        inputs={},
        reward=5.0,
        episode_returns=(5.0,),
        epochs=2,
    )


def test_the_folder_is_named_by_digest_and_run(store: Store) -> None:
    assert store.folder.name == f"phase3-embedded-{store.phase.digest[7:19]}"
    assert store.folder_of(RUN).relative_to(store.folder).as_posix() == "baseline/reacher-easy/seed-1"


def test_a_run_nobody_asked_for_has_no_state(store: Store) -> None:
    assert store.state_of(RUN) is None
    assert not store.is_completed(RUN)
    assert not store.is_held(RUN)
    assert {row["state"] for row in store.summary()} == {""}


def test_states_are_kept(store: Store) -> None:
    assert store.queue(RUN, job="12_0")
    queued = store.state_of(RUN)
    assert queued is not None
    assert (queued.state, queued.job, queued.attempt) == (State.QUEUED, "12_0", 0)
    store.write_state(RUN, RunState(state=State.RUNNING, attempt=1, epochs=2))
    store.fail(RUN, "the disk is full")
    failed = store.state_of(RUN)
    assert failed is not None
    assert (failed.state, failed.reason, failed.attempt) == (State.FAILED, "the disk is full", 1)


def test_a_record_completes_a_run_whatever_its_state_says(store: Store) -> None:
    store.write_state(RUN, RunState(state=State.RUNNING, attempt=3, epochs=2))
    store.write_record(record_of(store))
    store.fail(RUN, "too late")
    store.requeue(RUN, "too late")
    assert not store.queue(RUN)
    state = store.state_of(RUN)
    assert state is not None
    assert (state.state, state.attempt, state.epoch, state.reason) == (State.COMPLETED, 3, 2, "")
    # Killed between the two writes, a run is still COMPLETED.
    store.write_state(RUN, RunState(state=State.RUNNING, attempt=3))
    state = store.state_of(RUN)
    assert state is not None
    assert state.state is State.COMPLETED


def test_records_come_in_the_phases_order(store: Store) -> None:
    for run in (OTHER, RUN):
        store.write_record(record_of(store, run))

    assert [record.run for record in store.records()] == [RUN, OTHER]


def test_a_record_in_the_wrong_folder_is_refused(store: Store) -> None:
    store.write_record(record_of(store, OTHER))
    store.folder_of(OTHER).rename(store.folder_of(RUN))

    with pytest.raises(InvalidRecord, match="is the record of baseline/reacher-easy/seed-2"):
        store.record(RUN)


def test_a_record_of_another_manifest_is_refused(store: Store) -> None:
    store.write_record(evolve(record_of(store), manifest_digest="sha256:" + "0" * 64))

    with pytest.raises(InvalidRecord, match="of manifest 000000000000"):
        store.record(RUN)


def test_a_torn_state_is_refused(store: Store) -> None:
    store.queue(RUN)
    (store.folder_of(RUN) / "state.json").write_text('{"schema": 1')

    with pytest.raises(InvalidRecord, match="is not a run's state"):
        store.state_of(RUN)


def _hold(runs: Path, project: Path, held: Event, release: Event) -> None:
    store = Store(runs, open_phase("phase3", "embedded", project))
    with store.claim([RUN]) as claimed:
        assert claimed == (RUN,)
        held.set()
        release.wait(60)


def test_a_run_is_held_by_one_process_and_freed_when_it_dies(store: Store, project: Path) -> None:
    context = multiprocessing.get_context("fork")
    held, release = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(store.folder.parent, project, held, release))
    holder.start()
    assert held.wait(60)
    assert store.is_held(RUN)
    assert not store.queue(RUN)
    with store.claim([RUN, OTHER]) as claimed:
        assert claimed == (OTHER,)
    holder.kill()
    holder.join()
    assert not store.is_held(RUN)
    with store.claim([RUN]) as claimed:
        assert claimed == (RUN,)


def test_a_completed_run_is_not_claimed(store: Store) -> None:
    store.write_record(record_of(store))

    with store.claim([RUN]) as claimed:
        assert claimed == ()


def test_the_same_runs_find_their_common_state(store: Store) -> None:
    assert store.cohort_path([RUN, OTHER]) == store.cohort_path([RUN, OTHER])
    assert store.cohort_path([RUN, OTHER]) != store.cohort_path([RUN])


def test_what_is_pinned_stays_and_what_is_new_is_added(store: Store) -> None:
    first = Lock(
        phase="phase3", scale="embedded", manifest_digest="d", configs={}, inputs={"a": "1"}, plugins={"p": "1.0"}
    )

    store.pin(first)
    store.pin(evolve(first, inputs={"a": "2", "b": "3"}, plugins={"p": "2.0"}))

    assert store.lock() == evolve(first, inputs={"a": "1", "b": "3"})


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a" / "file.json"
    write_atomically(path, json.dumps(1))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, json.dumps(2))

    assert path.read_text() == "1"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.json"]
