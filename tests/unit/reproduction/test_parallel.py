"""Configs side by side: the same results as one after the other, and one clear end however a process ends."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from fakes.projects import make_project

from rephase.errors import CannotRunHere, InputMismatch
from rephase.manifest import Run
from rephase.manifest.record import read_record
from rephase.reproduction import parallel
from rephase.reproduction.parallel import run_side_by_side
from rephase.reproduction.phases import open_phase
from rephase.reproduction.running import PreparedPhase, RunSummary, prepare, run_all
from rephase.reproduction.stopping import Stopped, Stopping
from rephase.reproduction.storing import State, Store

A, B = (Run(config, "reacher-easy", 1) for config in ("baseline", "flowpolicy"))


def prepared(folder: Path, runs: str = "runs", **changes: Any) -> PreparedPhase:
    """A miniature phase of two configs with one run each."""
    if not (folder / "reproductions").exists():
        make_project(folder, tasks=("reacher-easy",), seeds=(1,), **changes)
    phase = open_phase("phase3", "embedded", folder)
    return prepare(Store(folder / runs, phase), folder, phase.runs(), threads=1)


def side_by_side(shop: PreparedPhase, said: list[str] | None = None, told: list[Any] | None = None) -> RunSummary:
    lines = [] if said is None else said
    reports = [] if told is None else told
    return run_side_by_side(shop, shop.phase.runs(), reports.append, lines.append, processes=2, threads=1)


class Process:
    """A process as far as the functions below look at one."""

    def __init__(self, pid: int = 0, exitcode: int | None = None) -> None:
        self.pid, self.exitcode = pid, exitcode


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What was sent to whom, in place of sending it."""
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(parallel.os, "kill", lambda pid, number: sent.append((pid, number)))
    return sent


@pytest.mark.slow
def test_processes_side_by_side_leave_what_one_process_leaves(tmp_path: Path) -> None:
    together, alone = prepared(tmp_path), prepared(tmp_path, "others")
    told: list[Any] = []
    found = side_by_side(together, told=told)
    wanted = run_all(alone, alone.phase.runs(), lambda progress: None, lambda line: None)

    assert set(found.completed) == set(wanted.completed) == {A, B}
    assert (found.skipped, found.elsewhere, found.failed) == ((), (), {})
    assert found.seconds > 0
    assert {progress.config for progress in told} == {"baseline", "flowpolicy"}
    for run in (A, B):
        one, other = (read_record(shop.store.record_path(run)) for shop in (together, alone))
        assert one.policy_sha256 == other.policy_sha256
        assert one.episode_returns == other.episode_returns
    again = side_by_side(together)
    assert (set(again.skipped), again.completed) == ({A, B}, ())


@pytest.mark.slow
def test_an_error_of_a_process_arrives_with_its_words_and_its_exit_code(tmp_path: Path) -> None:
    shop = prepared(tmp_path)
    path = shop.phase.path_of("start-states")
    path.write_bytes(path.read_bytes() + b"x")  # after the inputs were verified here

    with pytest.raises(InputMismatch) as caught:
        side_by_side(shop)

    assert caught.value.exit_code == 3
    assert "the input 'start-states' is sha256:" in str(caught.value)
    assert str(caught.value).endswith("restore the file, for example with git")
    assert not any(shop.store.is_completed(run) for run in (A, B))


@pytest.mark.slow
def test_a_request_to_stop_reaches_every_process_and_the_same_call_goes_on(tmp_path: Path) -> None:
    shop = prepared(tmp_path, epochs=100_000)
    started = threading.Event()

    def stop_soon() -> None:
        started.wait(120)
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    stopper = threading.Thread(target=stop_soon)
    stopper.start()
    seen: set[str] = set()

    def report(progress: Any) -> None:
        if progress.epoch > 0:
            seen.add(progress.config)
        if seen == {"baseline", "flowpolicy"}:
            started.set()

    with pytest.raises(Stopped):
        run_side_by_side(shop, shop.phase.runs(), report, lambda line: None, processes=2, threads=1)
    stopper.join()

    for run in (A, B):
        assert shop.store.cohort_path((run,)).exists()
        state = shop.store.state_of(run)
        assert state is not None
        assert state.state == State.QUEUED


def test_a_stop_is_passed_on_once_and_a_save_as_often_as_asked(signals: list[tuple[int, int]]) -> None:
    working: dict[str, Any] = {"a": Process(11), "b": Process(12), "not started": Process(0)}
    told: set[str] = set()
    with Stopping() as stopping:
        parallel._forward(stopping, working, told)
        assert signals == []
        for _ in range(2):
            signal.raise_signal(signal.SIGUSR1)
            parallel._forward(stopping, working, told)
            parallel._forward(stopping, working, told)
        assert signals == [(11, signal.SIGUSR1), (12, signal.SIGUSR1)] * 2
        signals.clear()
        signal.raise_signal(signal.SIGTERM)
        parallel._forward(stopping, working, told)
        parallel._forward(stopping, working, told)
        assert signals == [(11, signal.SIGTERM), (12, signal.SIGTERM)]


def test_a_process_that_ends_without_a_word_is_an_error_that_names_it() -> None:
    messages: Any = Queue()
    working: dict[str, Any] = {"a": Process(11, -9), "b": Process(12, 0), "c": Process(13)}

    ends = parallel._died(working, messages)

    assert sorted(working) == ["c"]
    assert [end.group for end in ends] == ["a", "b"]
    assert all(isinstance(end.error, CannotRunHere) for end in ends)
    assert [str(end.error) for end in ends] == [
        f"the process of {group} ended with {code}; look at its last lines, or run with --jobs 1"
        for group, code in (("a", -9), ("b", 0))
    ]


def test_nobody_is_declared_dead_while_words_wait_to_be_read() -> None:
    messages: Any = Queue()
    messages.put("a last word")
    working: dict[str, Any] = {"a": Process(11, 1)}

    assert parallel._died(working, messages) == []
    assert list(working) == ["a"]


def test_what_the_processes_did_is_added_up() -> None:
    first = RunSummary(completed=(A,), failed={B: "why"}, seconds=5.0)
    second = RunSummary(skipped=(A,), elsewhere=(B,), seconds=7.0)

    assert parallel._together([first, second], (B,), 9.0) == RunSummary(
        completed=(A,), skipped=(B, A), elsewhere=(B,), failed={B: "why"}, seconds=9.0
    )
