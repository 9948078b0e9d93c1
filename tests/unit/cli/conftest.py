"""Runs near the log's own, and commands about them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes.stores import ROOT, write_store

from rephase.cli.main import main

Said = tuple[int, str, str]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Complete runs of logged Phase 3, twelve of eighteen, and one that failed."""
    write_store(tmp_path / "runs", 12)
    return tmp_path / "runs"


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Gives a command of this checkout to the program: exit code, standard output and error."""

    def give(*words: object) -> Said:
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return give


@pytest.fixture
def about_phase3(command: Callable[..., Said], tmp_path: Path) -> Callable[..., Said]:
    """Gives a command about logged Phase 3 and the runs in a test's folder."""

    def give(name: str, *words: object) -> Said:
        place = ["phase3", "--scale", "logged", "--project", ROOT, "--runs", tmp_path / "runs"]
        return command(name, *place, *words)

    return give


@pytest.fixture
def as_json(about_phase3: Callable[..., Said]) -> Callable[..., Any]:
    """The same, read as JSON."""

    def give(name: str, *words: object) -> Any:
        return json.loads(about_phase3(name, *words, "--json")[1])

    return give
