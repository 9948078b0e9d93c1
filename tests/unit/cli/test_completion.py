"""Scripts by which shells complete commands and options."""

from __future__ import annotations

import shutil
import subprocess
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


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_knows_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out

    assert all(command.name in script for command in commands.COMMANDS)
    assert "--episode-sampling" in script


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_the_completion_script_is_valid_bash(capsys: pytest.CaptureFixture[str]) -> None:
    main(["completion", "bash"])
    script = capsys.readouterr().out

    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
