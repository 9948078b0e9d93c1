"""What `rephase new-plugin` writes: whole, importable without torch, refused where it would overwrite."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from rephase.cli.main import main
from rephase.errors import UsageError
from rephase.plugins import Kind
from rephase.plugins.scaffold import KINDS, write_plugin

TEMPLATE = Path(__file__).parents[3] / "plugins" / "_template"


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_are_whole(tmp_path, kind):
    written = write_plugin("two-words", kind, tmp_path)
    names = [path.relative_to(tmp_path).as_posix() for path in written]
    assert names == [
        "rephase-two-words/README.md",
        "rephase-two-words/pyproject.toml",
        "rephase-two-words/src/rephase_two_words/__init__.py",
        "rephase-two-words/src/rephase_two_words/offers.py",
        "rephase-two-words/src/rephase_two_words/py.typed",
        "rephase-two-words/src/rephase_two_words/two_words.py",
        "rephase-two-words/tests/test_two_words.py",
    ]
    for path in written:
        text = path.read_text()
        assert "$" not in text
        if path.suffix == ".py":
            ast.parse(text)
    project = tomllib.loads((tmp_path / "rephase-two-words/pyproject.toml").read_text())
    assert project["project"]["entry-points"]["rephase"] == {"two-words": "rephase_two_words.offers"}
    assert project["project"]["dependencies"] == ["rephase[run]>=0.2,<1"]


@pytest.mark.parametrize("kind", list(Kind), ids=str)
def test_what_it_offers_is_listed_without_torch(tmp_path, kind):
    write_plugin("mine", kind, tmp_path)
    code = (
        "import sys; sys.modules['torch'] = None; sys.path.insert(0, 'rephase-mine/src')\n"
        "from rephase_mine.offers import rephase_offers\n"
        "[offer] = rephase_offers(); print(offer.kind, offer.name, offer.loader)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    kind_word, name, loader = done.stdout.split()
    assert (kind_word, name) == (str(kind), "mine")
    assert loader.startswith("rephase_mine.mine:")


def test_a_task_is_listed_without_torch_or_a_simulator(tmp_path):
    write_plugin("mine", "task", tmp_path)
    code = (
        "import sys; sys.path.insert(0, 'rephase-mine/src')\n"
        "sys.modules.update(dict.fromkeys(('torch', 'mujoco', 'dm_control', 'gymnasium')))\n"
        "from rephase_mine.offers import rephase_tasks\n"
        "[task] = rephase_tasks(); print(task.name, task.index, task.loader)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["mine", "30", "rephase_mine.mine:build"]


def test_a_name_that_is_none_and_a_folder_that_is_there_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"^NAME: 'My Plugin' is no name for a part; use lower-case letters"):
        write_plugin("My Plugin", Kind.POLICY, tmp_path)
    write_plugin("rephase-mine", Kind.POLICY, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=r"is there already; choose another name or folder$"):
        write_plugin("mine", Kind.INTEGRATOR, tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_template_in_the_repository_is_what_the_command_writes(tmp_path):
    write_plugin("template", Kind.INTEGRATOR, tmp_path)
    made = tmp_path / "rephase-template"
    ours = {path.relative_to(TEMPLATE): path for path in TEMPLATE.rglob("*") if path.is_file() and _is_source(path)}
    theirs = {path.relative_to(made): path for path in made.rglob("*") if path.is_file()}
    assert ours.keys() == theirs.keys()
    for name, path in theirs.items():
        assert ours[name].read_text() == path.read_text(), (
            f"run: rephase new-plugin template --kind integrator ({name})"
        )


def test_the_command_says_what_comes_next(tmp_path, capsys):
    assert main(["new-plugin", "mine", "--kind", "integrator", "--into", str(tmp_path)]) == 0
    folder = tmp_path / "rephase-mine"
    assert capsys.readouterr().out.splitlines() == [
        f"wrote 7 files in {folder}",
        "next:",
        f"  pip install '{folder}[test]'",
        f"  python -m pytest {folder}/tests",
        "  rephase plugins --kind integrator",
    ]


def _is_source(path: Path) -> bool:
    return not any(part in ("__pycache__", "build") or part.endswith(".egg-info") for part in path.parts)
