"""Tests on a machine without torch: what needs it is skipped and says so, everything else is run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HIDDEN = """
import importlib.util, sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
sys.meta_path.insert(0, Hidden())
really = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "torch" else really(name, *more)
"""
FILES = {
    "room/conftest.py": "import torch",
    "room/test_room.py": "def test_in_room(): assert False",
    "test_module.py": "import torch\ndef test_in_module(): assert False",
    "test_inside.py": "def test_in_function(): import torch.nn; assert False",
    "test_marked.py": "import pytest\n@pytest.mark.torch\ndef test_marked(): assert False",
    "test_light.py": "def test_runs(): pass",
    "test_other.py": "def test_other(): import nowhere_to_be_found",
}


def said(folder: Path, *, hidden: bool) -> list[str]:
    shutil.copy(Path(__file__).parents[1] / "conftest.py", folder)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = torch: x\n", encoding="utf-8")
    files = FILES if hidden else {**FILES, "torch/__init__.py": "", "torch/nn.py": ""}
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    code = f"{HIDDEN if hidden else 'import sys'}\nimport pytest\nsys.exit(pytest.main(sys.argv[1:]))"
    words = ["-q", "-rs", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:rephase", "--tb=no"]
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def test_what_needs_torch_is_skipped_and_the_rest_is_run(tmp_path: Path) -> None:
    lines = said(tmp_path, hidden=True)

    skipped = [line for line in lines if line.startswith("SKIPPED")]
    for name in ("room", "test_module.py", "test_inside.py", "test_marked.py"):
        assert [line for line in skipped if name in line and line.endswith("needs torch, which is not installed")], name
    assert lines[-1].startswith("1 failed, 1 passed, 4 skipped")


def test_where_torch_is_nothing_is_skipped(tmp_path: Path) -> None:
    assert said(tmp_path, hidden=False)[-1].startswith("5 failed, 1 passed in")
