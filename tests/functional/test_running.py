"""Runs killed without warning at random moments: nothing unreadable, nothing lost, the same parameters in the end."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.projects import make_project

from rephase.cli.main import main
from rephase.manifest.record import Record
from rephase.reproduction.phases import open_phase
from rephase.reproduction.storing import Store

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("REPHASE_TEST_KILLS", "20"))  # more of them by hand, now and then
EPOCHS = 60
LONGEST = 6.0  # seconds that a kill waits at most, so that a busy machine does not make this test endless
# Children of a process that has imported everything and computed nothing: one forked from this process would inherit
# the locks of threads that do not exist in it.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["rephase.cli.main", "rephase.reproduction.training"])


def _work(project: Path, runs: Path) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    words = ["run", "phase3", "--project", str(project), "--runs", str(runs), "--config", "flowpolicy"]
    os._exit(main([*words, "--threads", "1", "--checkpoint-seconds", "0.1"]))


def _numbers(records: tuple[Record, ...]) -> dict[str, tuple[object, ...]]:
    """What must not depend on interruptions."""
    return {one.run.label: (one.policy_sha256, one.episode_returns, one.metrics, one.curve) for one in records}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("project"), tasks=("reacher-easy",), epochs=EPOCHS)


def _finish(project: Path, runs: Path) -> None:
    assert _end_of(_work, project, runs, within=300) == 0


def _end_of(target: Callable[[Path, Path], None], *where: Path, within: float) -> int:
    """Exit code of a process that works, and is killed after so many seconds if it still does."""
    process = CONTEXT.Process(target=target, args=where)
    process.start()
    process.join(within)
    process.kill()  # nothing happens to one that has ended, be it just now
    process.join()
    assert process.exitcode is not None
    return process.exitcode


@pytest.mark.timeout(900 + 45 * KILLS)
def test_kills_at_random_moments_change_nothing(project: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    _finish(project, tmp_path / "undisturbed")
    length = min(time.monotonic() - began, LONGEST)
    phase = open_phase("phase3", "embedded", project)
    expected = Store(tmp_path / "undisturbed", phase).records()
    assert len(expected) == 2

    moments = random.Random(20)
    store = Store(tmp_path / "killed", phase)
    kills = completed = 0
    attempts: list[int] = []
    while kills < KILLS:
        end = _end_of(_work, project, tmp_path / "killed", within=moments.uniform(0.05, 0.7) * length)
        assert end in (-signal.SIGKILL, 0)
        kills += end != 0
        records = store.records()  # raises on anything unreadable
        assert len(records) >= completed, "a completed run was lost"
        completed = len(records)
        if completed == 2:
            assert _numbers(records) == _numbers(expected)
            attempts += [record.attempt for record in records]
            for path in sorted(store.folder.rglob("*"), reverse=True):
                path.unlink() if path.is_file() else path.rmdir()
            completed = 0
    _finish(project, tmp_path / "killed")
    records = store.records()
    assert _numbers(records) == _numbers(expected)
    attempts += [record.attempt for record in records]
    assert max(attempts) > 1, "no kill met a run that had begun"


def _die_between_records(project: Path, runs: Path) -> None:
    keep = Store.write_record
    written = []

    def write_one(store: Store, record: Record) -> None:
        if written:
            os.kill(os.getpid(), signal.SIGKILL)
        written.append(record.run)
        keep(store, record)

    Store.write_record = write_one  # type: ignore[method-assign]  # in the forked child alone
    _work(project, runs)


def test_a_group_killed_between_two_records_goes_on_from_its_own_state(project: Path, tmp_path: Path) -> None:
    _finish(project, tmp_path / "undisturbed")
    phase = open_phase("phase3", "embedded", project)
    assert _end_of(_die_between_records, project, tmp_path / "killed", within=300) == -signal.SIGKILL
    store = Store(tmp_path / "killed", phase)
    assert len(store.records()) == 1

    _finish(project, tmp_path / "killed")

    assert _numbers(store.records()) == _numbers(Store(tmp_path / "undisturbed", phase).records())
    assert list(store.folder.rglob("state.safetensors")) == []


def test_a_part_of_a_group_says_what_it_costs_before_it_trains(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    phase = open_phase("phase3", "embedded", project)
    seed = str(phase.manifest.seeds[0])
    words = ["run", "phase3", "--project", str(project), "--runs", str(tmp_path), "--config", "flowpolicy"]

    assert main([*words, "--seed", seed]) == 0

    said = capsys.readouterr().err
    sentence = "flowpolicy: training 1 of the 2 runs of a group without the others"
    assert sentence in said
    assert said.index(sentence) < said.rindex("flowpolicy")
