"""What a login node without torch must be able to do, and what every module owes its readers."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py")) + sorted((ROOT / "plugins").glob("rephase-*/src/**/*.py"))
HEAVY = ("torch", "dm_control", "mujoco", "spython", "matplotlib", "safetensors", "huggingface_hub")
BLOCKED = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HEAVY!r}:
            raise ImportError(name + " is not on a login node")
sys.meta_path.insert(0, Refuse())
from rephase.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    "words",
    [
        ["plugins"],
        ["tasks"],
        ["show"],
        ["show", "phase3", "--scale", "logged"],
        ["log", "phase3", "--scale", "logged", "--recorded"],
        ["audit"],
    ],
    ids=" ".join,
)
def test_a_login_node_can(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert "Traceback" not in done.stderr
    assert "is not on a login node" not in done.stderr
    assert done.stdout
    assert done.returncode in (0, 1)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is_for_and_stays_short(path: Path) -> None:
    text = path.read_text()

    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= 400
    assert "from __future__ import annotations" in text or not ast.parse(text).body[1:]


def test_only_rendering_prints() -> None:
    printing = [
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if any(
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
            for node in ast.walk(ast.parse(path.read_text()))
        )
    ]

    assert printing == ["src/rephase/cli/rendering.py"]


def test_every_first_party_plugin_is_under_the_floors() -> None:
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    modules = {
        folder.name
        for folder in (ROOT / "plugins").glob("rephase-*/src/rephase_*")
        if folder.is_dir() and not folder.name.endswith(".egg-info")
    }

    assert modules <= set(linter["root_packages"])
    assert "ignore_imports" not in str(linter)
