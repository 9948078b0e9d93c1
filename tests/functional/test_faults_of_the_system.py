"""Faults of the system, of memory and of strangers' code while a phase runs: one line, exit code 3, nothing torn."""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.projects import make_project
from safetensors import SafetensorError

from rephase.cli.main import main
from rephase.engine import checkpoints
from rephase.engine.cohort import Cohort

WORDS = ("--jobs", "1", "--config", "baseline")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("project"), tasks=("reacher-easy",), seeds=(1,))


@pytest.fixture
def run(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[], tuple[int, list[str]]]:
    def once() -> tuple[int, list[str]]:
        code = main(["run", "phase3", "--project", str(project), "--runs", str(tmp_path / "runs"), *WORDS])
        told = capsys.readouterr()
        assert "Traceback" not in told.out + told.err
        return code, (told.out + told.err).splitlines()

    return once


def fails(number: int) -> Callable[..., None]:
    def call(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return call


def raises(error: BaseException) -> Callable[..., None]:
    def call(*_: object, **__: object) -> None:
        raise error

    return call


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_disk_that_takes_nothing(
    number: int, monkeypatch: pytest.MonkeyPatch, run: Callable[[], tuple[int, list[str]]], tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fails(number))
        code, lines = run()
    assert code == 3
    assert lines[-1].startswith(f"rephase: {tmp_path}/runs/")
    assert f": {os.strerror(number)}; " in lines[-1]
    assert not list(tmp_path.rglob(".*.partial"))
    assert run()[0] == 0


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EIO, 524])
def test_a_file_system_without_locks_runs_nothing(
    number: int, monkeypatch: pytest.MonkeyPatch, run: Callable[[], tuple[int, list[str]]], tmp_path: Path
) -> None:
    monkeypatch.setattr(fcntl, "flock", fails(number))
    code, lines = run()
    assert code == 3
    assert re.search(rf"^rephase: {tmp_path}/runs/\S+lock\S*: {re.escape(os.strerror(number))}; \w", lines[-1])
    assert not list(tmp_path.rglob("state.json"))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SafetensorError("I/O error: No space left on device (os error 28)"), "No space left on device; make room"),
        (SafetensorError("something else"), "something else; try again"),
    ],
)
def test_a_checkpoint_that_cannot_be_written(
    error: Exception,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    run: Callable[[], tuple[int, list[str]]],
    tmp_path: Path,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save_file", raises(error))
        code, lines = run()
    assert code == 3
    [failed] = [line for line in lines if line.startswith("FAILED")]
    assert said in failed
    assert "state.safetensors" in failed
    [state] = tmp_path.glob("runs/*/baseline/reacher-easy/seed-1/state.json")
    assert '"state": "FAILED"' in state.read_text()
    assert run()[0] == 0


@pytest.mark.parametrize(
    ("error", "expected", "said"),
    [
        (SystemExit("no licence found"), 2, "a part left the program: SystemExit: no licence found"),
        (SystemExit(0), 2, "a part left the program: SystemExit: 0"),
        (MemoryError(), 3, "there is not enough memory"),
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), 3, "Too many open files; allow more open files (ulimit -n)"),
    ],
)
def test_what_breaks_while_a_run_trains_fails_the_run_by_its_words(
    error: BaseException,
    expected: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    run: Callable[[], tuple[int, list[str]]],
    tmp_path: Path,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Cohort, "advance", raises(error))
        code, lines = run()
    assert code == expected
    assert any(said in line for line in lines)
    [state] = tmp_path.glob("runs/*/baseline/reacher-easy/seed-1/state.json")
    assert '"state": "FAILED"' in state.read_text()
    assert said in state.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--device", "gpu"), "argument --device: expected cpu, cuda or a device such as cuda:1, found 'gpu'"),
        (("--threads", "-1"), "argument --threads: expected a whole number of at least 1, found '-1'"),
        (("--jobs", "0"), "argument --jobs: expected a whole number of at least 1, found '0'"),
        (("--jobs", "1e3"), "argument --jobs: expected a whole number of at least 1, found '1e3'"),
        (("--index", "-1"), "argument --index: expected a whole number of at least 0, found '-1'"),
        (("--checkpoint-seconds", "nan"), "argument --checkpoint-seconds: expected a number of seconds, found 'nan'"),
        (("--checkpoint-seconds", "-1"), "argument --checkpoint-seconds: expected a number of seconds, found '-1'"),
    ],
)
def test_option_values_that_mean_nothing(
    words: tuple[str, ...], said: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "phase3", "--project", str(project), *words]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"rephase: rephase run: {said}; 'rephase run --help' shows how to use it"
    ]


def test_files_nested_too_deeply_are_bad_manifests(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = project / "reproductions/phase3/embedded.toml"
    text = path.read_text()
    recorded = path.with_name("embedded.recorded.json")
    try:
        path.write_text(f"deep = {'[' * 5000}{']' * 5000}\n{text}")
        assert main(["show", "phase3", "--project", str(project)]) == 2
        assert "is nested more deeply than anything here means" in capsys.readouterr().err
        path.write_text(f"{text}\n[inputs.deep]\npath = {'[' * 400}{']' * 400}\nsha256 = ''\n")
        assert main(["show", "phase3", "--project", str(project)]) == 2
        path.write_text(text)
        content = '{"schema": 1, "phase": "phase3", "scale": "embedded", "source": "x", "outcomes": [], "provenance": '
        for depth, code in ((400, 5), (900, 2), (100_000, 2)):  # 400 can be read, and no run is completed
            recorded.write_text(content + '{"a": ' * depth + "1" + "}" * depth + "}")
            capsys.readouterr()
            assert main(["check", "phase3", "--project", str(project)]) == code
            assert code == 5 or re.search("nested more deeply|recursion depth", capsys.readouterr().err)
        recorded.write_text(content.replace('"x"', r'"\ud800"') + "{}}")
        assert main(["check", "phase3", "--project", str(project)]) == 2
        assert r"source: expected text, found '\ud800', which is not Unicode" in capsys.readouterr().err
    finally:
        path.write_text(text)
        recorded.unlink(missing_ok=True)
