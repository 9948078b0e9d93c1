"""Every public name that a stranger meets is looked up in the glossary."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

from rephase import protocols
from rephase.manifest.describing import tables
from rephase.manifest.schema import Config, Manifest
from rephase.plugins import hookspecs

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/glossary.md").read_text(encoding="utf-8")
DOORS = sorted(
    ".".join(path.parent.relative_to(ROOT / "src").parts) for path in (ROOT / "src/rephase").rglob("__init__.py")
)


def words(page: str) -> set[str]:
    """Names in the first column of its tables."""
    cells = re.findall(r"^\| (.*?) \|", page, re.MULTILINE)
    return {word for cell in cells for word in (re.findall(r"`(\w+)`", cell) or [cell])}


def lacking(names: set[str], page: str = PAGE) -> set[str]:
    return names - words(page)


def manifest_tables() -> set[str]:
    parts = {part for shape in (Manifest, Config) for table in tables(shape) for part in table.path.split(".")}
    return parts - {"", "NAME"}


def hooks() -> set[str]:
    return {name for name in vars(hookspecs) if name.startswith("rephase_")}


def test_every_protocol_and_what_it_takes_is_there() -> None:
    assert lacking(set(protocols.__all__)) == set()


def test_every_hook_is_there() -> None:
    assert len(hooks()) == 6
    assert lacking(hooks()) == set()


def test_every_table_of_a_manifest_is_there() -> None:
    assert {"inputs", "variants", "integrator"} <= manifest_tables()
    assert lacking(manifest_tables()) == set()


@pytest.mark.parametrize("door", DOORS)
def test_every_class_that_a_door_shows_is_there(door: str) -> None:
    module = importlib.import_module(door)
    names = getattr(module, "__all__", ())
    assert lacking({name for name in names if inspect.isclass(getattr(module, name))}) == set()


@pytest.mark.parametrize("name", ["Stochastic", "rephase_tasks", "arrays"])
def test_a_name_that_is_taken_out_is_missed(name: str) -> None:
    page = PAGE.replace(f"`{name}`", "`Something`")
    known = set(protocols.__all__) | hooks() | manifest_tables()
    assert lacking(known, page) == {name}


def test_a_word_stands_there_once() -> None:
    cells = [word for cell in re.findall(r"^\| (.*?) \|", PAGE, re.MULTILINE) for word in cell.split(", ")]
    twice = {word for word in cells if cells.count(word) > 1} - {"name", "word"}
    assert twice == set()
