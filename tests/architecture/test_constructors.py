"""Whoever builds something from more than five values names each: two numbers change places unseen otherwise."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py")) + sorted((ROOT / "plugins").glob("rephase-*/src/**/*.py"))
MOST = 5


def in_order(tree: ast.AST) -> dict[str, int]:
    """How many values each class of a module takes by their order alone."""
    return {node.name: _taken(node) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def _taken(node: ast.ClassDef) -> int:
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.name == "__init__":
            return len(part.args.posonlyargs) + len(part.args.args) - 1
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if ast.unparse(called).rpartition(".")[2] in ("frozen", "define", "mutable", "dataclass"):
            words = decorator.keywords if isinstance(decorator, ast.Call) else []
            named = any(word.arg == "kw_only" and ast.unparse(word.value) == "True" for word in words)
            return 0 if named else sum(_is_argument(part) for part in node.body)
    return 0


def _is_argument(part: ast.stmt) -> bool:
    if not isinstance(part, ast.AnnAssign) or "ClassVar" in ast.unparse(part.annotation):
        return False
    value = "" if part.value is None else ast.unparse(part.value)
    return "init=False" not in value and "kw_only=True" not in value


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_more_than_five_values_are_named(path: Path) -> None:
    many = {name: count for name, count in in_order(ast.parse(path.read_text())).items() if count > MOST}

    assert not many, f"{path.relative_to(ROOT)}: make these keyword-only: {many}"


FIELDS = "\n".join(f"    {letter}: int = 0" for letter in "abcdef")


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("class A:\n    def __init__(self, a, b, c, d, e, f): ...", 6),
        ("class A:\n    def __init__(self, *, a, b, c, d, e, f): ...", 0),
        (f"@frozen\nclass A:\n{FIELDS}", 6),
        (f"@attrs.define(eq=False)\nclass A:\n{FIELDS}", 6),
        (f"@frozen(eq=False, kw_only=True)\nclass A:\n{FIELDS}", 0),
        (f"@frozen\nclass A:\n{FIELDS}\n    g: int = field(init=False)\n    h: ClassVar[int] = 1", 6),
        (f"class A(Protocol):\n{FIELDS}", 0),
    ],
)
def test_both_ways_of_writing_a_constructor_are_seen(source: str, count: int) -> None:
    assert in_order(ast.parse(source)) == {"A": count}
