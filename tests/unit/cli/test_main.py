"""The frame every command runs in: help, exit codes, machine-readable errors, and what a pipe sees."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tempfile
from argparse import Namespace
from pathlib import Path
from types import ModuleType

import pytest

from rephase.cli import commands
from rephase.cli import main as frame
from rephase.cli.main import main
from rephase.cli.rendering import emit, table, tell
from rephase.errors import InputMismatch, ManifestError, Problem
from rephase.reproduction.stopping import Stopped

ROOT = Path(__file__).parents[3]


def command(monkeypatch: pytest.MonkeyPatch, error: BaseException | None) -> None:
    """Make ``rephase fake`` raise ``error``, or end well."""
    module = ModuleType("fake_command")

    def run(_: object) -> int:
        if error is not None:
            raise error
        return 0

    module.configure = lambda parser: None  # type: ignore[attr-defined]
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fake_command", module)
    monkeypatch.setattr(frame, "COMMANDS", (commands.Command("fake", "fake_command", "Do nothing."),))


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out

    for one in commands.COMMANDS:
        assert f"  {one.name} " in text
        assert one.summary in text
    assert "4 inconclusive" in text


def test_nothing_asked_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "reproduce a phase:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (None, 0, ""),
        (
            InputMismatch("is another file", where="a.bin", remedy="fetch it"),
            3,
            "rephase: a.bin: is another file; fetch it",
        ),
        (
            ManifestError("m.toml", [Problem("a", "x", "y"), Problem("b", "z")]),
            2,
            "rephase: m.toml: a: x; y\nm.toml: b: z",
        ),
        (
            KeyboardInterrupt(),
            130,
            "rephase: interrupted; what was finished is kept, the same command goes on from there",
        ),
        (
            Stopped(signal.SIGTERM),
            143,
            "rephase: interrupted; what was finished is kept, the same command goes on from there",
        ),
    ],
)
def test_errors_become_one_message_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException | None,
    code: int,
    said: str,
) -> None:
    command(monkeypatch, error)

    assert main(["fake"]) == code
    assert capsys.readouterr().err.strip() == said


def test_errors_are_readable_by_machines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    command(monkeypatch, ManifestError("m.toml", [Problem("a.b", "unknown key", "remove it")]))

    assert main(["fake", "--json"]) == 2
    said = json.loads(capsys.readouterr().out)

    assert said["error"] == "ManifestError"
    assert said["exit_code"] == 2
    assert said["problems"] == [{"path": "a.b", "problem": "unknown key", "remedy": "remove it"}]


def test_a_bug_is_one_line_with_a_code_of_its_own_and_its_traceback_is_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    command(monkeypatch, ZeroDivisionError("ours"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    assert main(["fake"]) == 70
    [line] = capsys.readouterr().err.splitlines()
    [kept] = tmp_path.glob("rephase-bug-*.txt")
    assert line.startswith("rephase: ZeroDivisionError: ours at ")
    assert line.endswith(f"; this is a bug of rephase or of a plugin; report it with its traceback, which is in {kept}")
    assert "rephase fake\n\nTraceback (most recent call last)" in kept.read_text()


def test_a_bug_whose_traceback_cannot_be_kept_is_still_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    command(monkeypatch, ZeroDivisionError("ours"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))

    assert main(["fake"]) == 70
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("its traceback could not be kept (No such file or directory), so report this line")


@pytest.mark.parametrize("said", ["no licence found", 0, 1, None])
def test_a_strangers_exit_is_never_success_nor_a_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], said: object
) -> None:
    command(monkeypatch, SystemExit(said))

    assert main(["fake"]) == 3
    [line] = capsys.readouterr().err.splitlines()
    assert "foreign code ended the program by sys.exit" in line
    assert said is None or repr(said) in line


def rephase(*words: str, **kept: object) -> subprocess.CompletedProcess[bytes]:
    """Run a `rephase` process in the checkout."""
    environ = {**os.environ, **{name: str(value) for name, value in kept.items() if name.isupper()}}
    options = {name: value for name, value in kept.items() if not name.isupper()}
    return subprocess.run(
        [sys.executable, "-m", "rephase", *words],
        cwd=ROOT,
        env=environ,
        check=False,
        **options,  # type: ignore[call-overload]
    )


def test_a_full_disk_under_the_output_is_no_success() -> None:
    with open("/dev/full", "wb") as full:
        done = rephase("tasks", stdout=full, stderr=subprocess.PIPE)

    assert done.returncode == 3
    assert done.stderr.decode().splitlines() == [
        "rephase: No space left on device; make room and give the same command again; what was finished is kept"
    ]


def test_a_reader_that_goes_away_is_neither_success_nor_a_verdict() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = rephase("tasks", stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)

    assert (done.returncode, done.stderr) == (141, b"")


def test_what_an_encoding_lacks_is_shown_as_an_escape() -> None:
    done = rephase("show", "ph\u00e4se", PYTHONIOENCODING="ascii", capture_output=True)

    assert done.returncode == 2
    assert done.stderr.decode("ascii").startswith(r"rephase: unknown phase 'ph\xe4se'")


def test_nothing_a_file_says_moves_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "a\x1b[2Jb\u202ec\rd"

    tell(hostile)
    emit(Namespace(json=False), {}, table(["Name"], [[f"{hostile}\nspoofed"]]))
    told = capsys.readouterr()

    assert told.err == "a\\x1b[2Jb\\u202ec\\x0dd\n"
    assert told.out == "Name\n" + "a\\x1b[2Jb\\u202ec\\x0dd\\x0aspoofed\n"


def test_nobody_reading_progress_ends_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())

    tell("epoch 1")


def test_tables_align() -> None:
    assert table(["Name", "Value"], [["a", "1.0"], ["long name", "10.0"]], numbers=(1,)) == (
        "Name       Value\na            1.0\nlong name   10.0"
    )
