"""Every module has a test that is named after it, so that whoever changes one knows where its test is."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/rephase"
TESTS = {path.name for folder in ("tests", "plugins") for path in (ROOT / folder).rglob("test_*.py")}
MODULES = [path for path in sorted(SOURCE.rglob("*.py")) if not path.name.startswith("__")]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_has_its_namesake(module: Path) -> None:
    assert f"test_{module.stem}.py" in TESTS


def test_no_two_tests_have_one_name() -> None:
    """Pytest imports a test by its file's name, but for those in a package."""
    paths = [path for path in (ROOT / "tests").rglob("test_*.py") if not (path.parent / "__init__.py").exists()]
    assert len({path.name for path in paths}) == len(paths)
