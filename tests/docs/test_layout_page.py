"""The picture and the table of floors are the ones that import-linter holds the code to."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/explanation/layout.md").read_text(encoding="utf-8")
PICTURE = PAGE.partition("```text\n")[2].partition("```")[0]


def contract(name: str) -> dict[str, list[str]]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    found: dict[str, list[str]] = next(one for one in contracts if one["id"] == name)
    return found


def floors() -> dict[int, list[str]]:
    layers = [layer.split(" | ") for layer in contract("floors")["layers"] if layer != "__main__"]
    return {len(layers) - place: rooms for place, rooms in enumerate(layers)}


def test_the_picture_has_the_floors_of_the_contract() -> None:
    rows = re.findall(r"^ +(\d+) +│(.*)│$", PICTURE, re.MULTILINE)
    assert {int(floor): [room.strip() for room in rooms.split("╎")] for floor, rooms in rows} == floors()


def test_the_table_has_the_floors_of_the_contract() -> None:
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", PAGE, re.MULTILINE)
    assert {int(floor): re.findall(r"`(\w+)`", rooms) for floor, rooms in rows} == floors()


def test_what_a_plugin_may_import_is_what_the_contract_leaves_it() -> None:
    said = re.search(r"it imports\s+([\w, ]+ and \w+), and no other plugin", PICTURE)
    assert said is not None
    rooms = {room for layer in floors().values() for room in layer}
    forbidden = {name.removeprefix("rephase.") for name in contract("first-party")["forbidden_modules"]}
    assert set(re.split(r", | and ", said[1])) == rooms - forbidden
