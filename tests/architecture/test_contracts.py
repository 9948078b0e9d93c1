"""The import contracts are kept, and each fails on an import planted against it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PUBLIC = {"bases", "networks", "rewards", "integration"}
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the sources that a test may plant an import in."""
    for folder in (ROOT / "src", *(ROOT / "plugins").glob("rephase-*/src")):
        shutil.copytree(
            folder, tmp_path / "src", dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(house: Path) -> subprocess.CompletedProcess[str]:
    script = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(script), "--no-logo", "--no-cache"],
        cwd=house,
        env={**os.environ, "PYTHONPATH": str(house / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_house_as_it_stands_keeps_every_contract(house: Path) -> None:
    done = lint(house)

    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "planted", "contract"),
    [
        ("rephase/judging/cells.py", "from rephase.reproduction import storing", "Imports only point down"),
        ("rephase/judging/cells.py", "from rephase.plugins import registry", "Judging is a pure function"),
        ("rephase/judging/samples.py", "import torch", "Judging is a pure function"),
        ("rephase/reproduction/running.py", "from rephase import vectors", "Imports only point down"),
        ("rephase_mlp/offers.py", "from rephase.engine.learner import Learner", "no private door"),
        ("rephase_flow/offers.py", "import rephase_mlp", "Plugins never meet"),
    ],
    ids=["judging-reproduction", "judging-plugins", "judging-torch", "neighbours", "engine.learner", "plugins"],
)
def test_a_planted_import_breaks_its_contract(house: Path, module: str, planted: str, contract: str) -> None:
    file = house / "src" / module
    file.write_text(f"{file.read_text()}\n{planted}\n")

    done = lint(house)

    broken = [line for line in done.stdout.splitlines() if line.endswith("BROKEN")]
    assert done.returncode == 1
    assert any(contract in line for line in broken), done.stdout


def test_every_engine_module_but_the_public_ones_is_closed_to_plugins() -> None:
    engine = ROOT / "src/rephase/engine"
    modules = {path.stem for path in engine.glob("*.py")} | {path.parent.name for path in engine.glob("*/__init__.py")}
    contract = next(each for each in LINTER["contracts"] if each["id"] == "first-party")
    closed = {name.removeprefix("rephase.engine.") for name in contract["forbidden_modules"] if "engine." in name}

    assert closed == modules - PUBLIC - {"__init__"}
