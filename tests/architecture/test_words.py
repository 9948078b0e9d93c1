"""One name for one thing: what a reader looks up is defined once, and says what it is."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src/rephase"
SAYS_NOTHING = {"found", "how", "one", "told", "Beside", "Draws", "Founding", "Handed", "Noting", "Played", "Ran"}
SAYS_NOTHING |= {"Waits", "Workshop"}


def definitions() -> Iterator[tuple[str, ast.ClassDef | ast.FunctionDef]]:
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                yield str(path.relative_to(SOURCE)), node


def twice(found: Iterator[tuple[str, ast.ClassDef | ast.FunctionDef]]) -> dict[str, list[str]]:
    places = defaultdict(list)
    for path, node in found:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            places[node.name].append(path)
    return {name: paths for name, paths in places.items() if len(paths) > 1}


def test_a_public_class_has_a_name_of_its_own() -> None:
    assert set(twice(definitions())) == set()


def test_a_second_class_of_one_name_is_seen() -> None:
    node = ast.parse("class Plan: ...").body[0]
    assert isinstance(node, ast.ClassDef)
    assert twice(iter([("a.py", node), ("b.py", node)])) == {"Plan": ["a.py", "b.py"]}


@pytest.mark.parametrize("name", sorted(SAYS_NOTHING))
def test_no_class_or_function_has_a_name_that_says_nothing(name: str) -> None:
    assert [f"{path}:{node.lineno}" for path, node in definitions() if node.name == name] == []


def test_replay_is_the_buffer_of_the_literature_and_names_no_module_of_engine_or_judging() -> None:
    assert [path for room in ("engine", "judging") for path in (SOURCE / room).rglob("replay.py")] == []
