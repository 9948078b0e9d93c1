"""Nothing that computes a run calls a function of torch whose bits on a CPU depend on who made the CPU.

With the same settings MKL's vector functions behind these gave other bits on one CPU than on another;
``rephase.engine.statistics.root`` and ``rsqrt`` stand in for the square root. Which functions they are was found by
computing each for 250,000 numbers on an AMD EPYC and on an Intel Haswell emulated instruction by instruction.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("euler", "flow", "meanflow", "mlp", "rk", "torchdiffeq")
FOLDERS = [ROOT / "src/rephase/engine", *(ROOT / f"plugins/rephase-{part}/src" for part in PARTS)]
FILES = [path for folder in FOLDERS for path in sorted(folder.rglob("*.py"))]
DIFFER = {"sqrt", "atan", "arctan", "tan", "log"}
EXACT = {"math", "np"}
"""Modules whose functions of these names are exact or the C library's, which the probe looks at."""


def called(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of each attribute that is one of those functions, in place or not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.rstrip("_") in DIFFER:
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if owner not in EXACT:
                yield node.lineno, node.attr


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_function_is_called_that_cpus_compute_otherwise(path: Path) -> None:
    assert list(called(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize("line", ["x.sqrt()", "x.sqrt_()", "torch.sqrt(x)", "torch.atan(x)", "y = x.log()"])
def test_such_a_call_is_seen(line: str) -> None:
    assert len(list(called(ast.parse(line)))) == 1


@pytest.mark.parametrize("line", ["math.sqrt(2)", "np.log(x)", "x.rsqrt()", "x.log1p()", "root(x)"])
def test_any_other_is_not(line: str) -> None:
    assert list(called(ast.parse(line))) == []
