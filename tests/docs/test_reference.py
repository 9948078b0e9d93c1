"""The reference page of the commands is what their parsers say today."""

from __future__ import annotations

from pathlib import Path

from rephase.cli.commands import COMMANDS
from rephase.cli.reference import PAGE, page, write

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_parsers_say() -> None:
    assert (ROOT / PAGE).read_text(encoding="utf-8") == page(), "write it again with: nox -s pages"


def test_every_command_and_option_is_on_it() -> None:
    text = page()

    assert all(f"### {command.name}\n" in text for command in COMMANDS)
    assert "| `--scale embedded,logged` |" in text
    assert "| `PHASE` |" in text


def test_it_is_written_where_it_belongs(tmp_path: Path) -> None:
    (tmp_path / PAGE).parent.mkdir(parents=True)
    write(tmp_path)

    assert (tmp_path / PAGE).read_text(encoding="utf-8") == page()
