"""The README's table is the recorded one, and its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rephase.cli.commands import COMMANDS
from rephase.cli.main import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


@pytest.mark.skipif(
    not (ROOT / "reproductions/phase3/embedded.recorded.json").exists(), reason="nothing is recorded at this scale yet"
)
def test_the_result_table_is_what_was_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["log", "phase3", "--recorded", "--project", str(ROOT)]) == 0
    summary = capsys.readouterr().out.strip().split("\n\n")[-1]

    shown = README.partition("<!-- results:")[2].partition("<!-- results end -->")[0]
    assert summary in shown


def test_every_command_it_names_exists() -> None:
    known = {command.name for command in COMMANDS}
    named = set(re.findall(r"rephase ([a-z][a-z-]*)[ `\n]", README.replace("rephase re-runs", "")))

    assert named
    assert named <= known


def test_every_file_it_links_exists() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_what_an_index_shows_begins_as_the_readme_and_names_commands_that_exist() -> None:
    text = (ROOT / "src/rephase/README.md").read_text(encoding="utf-8")
    known = {command.name for command in COMMANDS}

    assert text.split("\n\n")[:2] == README.split("\n\n")[:2]
    assert set(re.findall(r"(?:\$ |`)rephase ([a-z][a-z-]*)", text)) <= known
