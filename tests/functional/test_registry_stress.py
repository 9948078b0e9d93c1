"""Many processes at one registry: nothing is lost, nothing is torn, and of ten that want one run one gets it."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections import Counter
from pathlib import Path

import pytest
from fakes.projects import make_project

from rephase.errors import RephaseError
from rephase.manifest import Run
from rephase.manifest.record import Record
from rephase.reproduction.phases import open_phase
from rephase.reproduction.storing import RunState, State, Store

WRITERS = 200
RIVALS = 10
FORK = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("project"), seeds=tuple(range(100, 100 + WRITERS // 4)))


@pytest.fixture
def store(project: Path, tmp_path: Path) -> Store:
    return Store(tmp_path / "runs", open_phase("phase3", "embedded", project))


def record_of(store: Store, run: Run, writer: int) -> Record:
    phase = store.phase
    return Record(
        phase=phase.manifest.phase,
        scale=str(phase.manifest.scale),
        config=run.config,
        task=run.task,
        seed=run.seed,
        manifest_digest=phase.digest,
        config_digest=phase.config_digest(run.config),
        resolved=phase.resolved(run.config),
        inputs={},
        reward=float(writer),
        episode_returns=(float(writer),),
        epochs=2,
        provenance={"writer": writer},
    )


def write_one(store: Store, run: Run, writer: int, gate, answers) -> None:  # type: ignore[no-untyped-def]
    """Do what a run does to the registry, as soon as the gate opens."""
    gate.wait(60)
    with store.claim([run]) as claimed:
        if not claimed:
            answers.put((writer, "elsewhere"))
            return
        attempt = (store.state_of(run) or RunState(state=State.QUEUED)).attempt + 1
        for epoch in (0, 1):
            store.write_state(run, RunState(state=State.RUNNING, attempt=attempt, epoch=epoch, epochs=2))
        time.sleep(0.5 if writer < 0 else 0)
        store.write_record(record_of(store, run, abs(writer)))
    answers.put((writer, "completed"))


def run_together(store: Store, wanted: list[tuple[Run, int]]) -> Counter[str]:
    gate, answers = FORK.Event(), FORK.Queue()
    processes = [FORK.Process(target=write_one, args=(store, run, writer, gate, answers)) for run, writer in wanted]
    for process in processes:
        process.start()
    gate.set()
    told = Counter(answers.get(timeout=120)[1] for _ in processes)
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    return told


@pytest.mark.slow
def test_two_hundred_writers_of_different_runs_lose_nothing(store: Store) -> None:
    runs = store.phase.runs()
    assert len(runs) == WRITERS
    told = run_together(store, [(run, at) for at, run in enumerate(runs)])
    assert told == {"completed": WRITERS}
    records = store.records()
    assert [(record.run, record.reward) for record in records] == [(run, float(at)) for at, run in enumerate(runs)]
    states = [store.state_of(run) for run in runs]
    assert {state.state for state in states if state} == {State.COMPLETED}
    assert {state.attempt for state in states if state} == {1}
    assert not list(store.folder.rglob("*.partial"))


def test_of_ten_writers_of_one_run_exactly_one_wins(store: Store) -> None:
    run = store.phase.runs()[0]
    told = run_together(store, [(run, -at) for at in range(1, RIVALS + 1)])
    assert told == {"completed": 1, "elsewhere": RIVALS - 1}
    state = store.state_of(run)
    assert state is not None
    assert (state.state, state.attempt) == (State.COMPLETED, 1)
    assert len(store.records()) == 1


def test_readers_never_meet_half_a_file(store: Store) -> None:
    """A reader that looks all the time, while states and a record are written, always meets a whole one."""
    run = store.phase.runs()[0]
    store.write_state(run, RunState(state=State.QUEUED))

    def write() -> None:
        for attempt in range(1, 200):
            store.write_state(run, RunState(state=State.RUNNING, attempt=attempt, reason="x" * (attempt * 37 % 5000)))
        store.write_record(record_of(store, run, 1))
        os._exit(0)

    writer = FORK.Process(target=write)
    writer.start()
    seen = 0
    while writer.is_alive():
        state = store.state_of(run)
        assert state is not None
        assert len(state.reason) == state.attempt * 37 % 5000 or state.state is not State.RUNNING
        seen += 1
    writer.join()
    assert seen > 0
    assert [record.run for record in store.records()] == [run]


@pytest.mark.slow
def test_a_writer_killed_at_any_moment_leaves_whole_files(store: Store) -> None:
    """Kill writers without warning; what they leave is readable, and the lock is free for the next one."""
    run = store.phase.runs()[0]

    def write() -> None:
        with store.claim([run]) as claimed:
            assert claimed
            for attempt in range(1, 100000):
                store.write_state(run, RunState(state=State.RUNNING, attempt=attempt, reason="x" * 3000))

    for moment in range(20):
        writer = FORK.Process(target=write)
        writer.start()
        time.sleep(0.02 + 0.007 * moment)
        writer.kill()
        writer.join()
        try:
            state = store.state_of(run)
        except RephaseError as error:
            pytest.fail(f"unreadable after kill {moment}: {error}")
        assert state is None or len(state.reason) == 3000
        with store.claim([run]) as claimed:
            assert claimed == (run,)
    path = store.folder_of(run) / "state.json"
    assert json.loads(path.read_text())["state"] == "RUNNING"
