"""The table of commands: each explains itself, has an example that parses, and is in a group."""

from __future__ import annotations

import shlex
import sys
from types import ModuleType

import pytest

from rephase.cli import commands
from rephase.cli import main as frame
from rephase.cli.main import main


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


@pytest.mark.parametrize("command", commands.COMMANDS, ids=lambda each: each.name)
def test_every_command_explains_itself_by_an_example_that_parses(
    command: commands.Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command.name, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"usage: rephase {command.name}" in text
    assert f"example: {command.example}" in text

    program, name, *words = shlex.split(command.example.partition(" > ")[0])
    assert (program, name) == ("rephase", command.name)
    frame.parser_of(command).parse_args(words)


def test_every_command_is_in_a_group_and_every_group_has_one() -> None:
    assert {command.group for command in commands.COMMANDS} == set(commands.GROUPS)
