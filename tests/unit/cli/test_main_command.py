"""The frame every command runs in: help, exit codes, machine-readable errors, and what a pipe sees."""

from __future__ import annotations

import json
import signal
import sys
from types import ModuleType

import pytest

from rephase.cli import commands
from rephase.cli import main as frame
from rephase.cli.main import main
from rephase.cli.rendering import table
from rephase.errors import InputMismatch, ManifestError, Problem
from rephase.reproduction.stopping import Stopped


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


@pytest.mark.parametrize("name", [one.name for one in commands.COMMANDS])
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert f"usage: rephase {name}" in capsys.readouterr().out


def test_nothing_asked_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "commands:" in capsys.readouterr().out


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


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    command(monkeypatch, ZeroDivisionError("ours"))

    with pytest.raises(ZeroDivisionError):
        main(["fake"])


def test_plugins_tells_the_same_twice(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "--kind", "policy"]) == 0
    text = capsys.readouterr().out
    assert main(["plugins", "--kind", "policy", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)

    assert {part["kind"] for part in data["parts"]} == {"policy"}
    for part in data["parts"]:
        assert part["name"] in text
        assert part["distribution"] in text
    assert "\x1b" not in text


def test_tables_align() -> None:
    assert table(["Name", "Value"], [["a", "1.0"], ["long name", "10.0"]], numbers=(1,)) == (
        "Name       Value\na            1.0\nlong name   10.0"
    )
