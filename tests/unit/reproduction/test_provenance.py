"""Where a record comes from: the code's digest, the checkout's commit, plugins, machine and job."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from fakes.projects import make_project

import rephase
from rephase.manifest.lock import read_lock
from rephase.plugins.sources import Source
from rephase.reproduction.phases import open_phase
from rephase.reproduction.provenance import code_digest, make_lock, provenance
from rephase.reproduction.software import differing_origins
from rephase.reproduction.storing import Store

SOURCES = (Source("rephase-mlp", "0.1.0", "rephase_mlp.offers"), Source("rephase-own", "2.3", "own"))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of part of the package that passes for the installed one."""
    copied = tmp_path / "package"
    shutil.copytree(Path(rephase.__file__).parent / "protocols", copied / "protocols")
    (copied / "__init__.py").write_text('__version__ = "0"\n')
    monkeypatch.setattr(rephase, "__file__", str(copied / "__init__.py"))
    return copied


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A git checkout with one committed file."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "file").write_text("first")
    git(folder, "init", "--quiet")
    git(folder, "add", "file")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message", "why")
    return folder


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit_of(folder: Path) -> str:
    found = provenance((), folder)["code"]["commit"]
    assert isinstance(found, str)
    return found


def test_the_digest_of_the_code_is_of_names_and_contents(package: Path) -> None:
    first = code_digest()
    assert first == code_digest()
    assert first.startswith("sha256:")

    (package / "notes.txt").write_text("no code")
    assert code_digest() == first
    file = package / "protocols" / "shapes.py"
    text = file.read_text()
    file.write_text(text + "\n")
    changed = code_digest()
    assert changed != first
    file.write_text(text)
    assert code_digest() == first
    file.rename(file.with_name("forms.py"))
    assert code_digest() not in (first, changed)


def test_the_digest_does_not_depend_on_where_the_code_lies(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = code_digest()
    shutil.copytree(package, tmp_path / "elsewhere")
    monkeypatch.setattr(rephase, "__file__", str(tmp_path / "elsewhere" / "__init__.py"))

    assert code_digest() == first


def test_a_record_is_told_code_plugins_machine_and_job(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    found = provenance(SOURCES, checkout)

    assert list(found) == ["code", "plugins", "software", "instructions", "machine", "job"]
    assert found["code"] == {
        "version": rephase.__version__,
        "digest": code_digest(),
        "commit": git(checkout, "rev-parse", "HEAD"),
    }
    assert found["plugins"] == {"rephase-mlp": "0.1.0", "rephase-own": "2.3"}
    assert found["machine"]["python"]
    assert found["job"] == ""
    assert json.loads(json.dumps(found)) == found


def test_a_run_in_a_queue_names_its_job(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SLURM_JOB_ID": "77", "SLURM_ARRAY_JOB_ID": "70", "SLURM_ARRAY_TASK_ID": "4"}.items():
        monkeypatch.setenv(name, value)

    assert provenance((), checkout)["job"] == "70_4"


def test_a_checkout_with_changes_is_marked_and_new_files_do_not_count(checkout: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    assert commit_of(checkout) == head

    (checkout / "new").write_text("untracked")
    assert commit_of(checkout) == head
    (checkout / "file").write_text("second")
    assert commit_of(checkout) == head + "+"


def test_outside_git_there_is_no_commit(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (tmp_path / "plain").mkdir()
    assert commit_of(tmp_path / "plain") == ""
    assert commit_of(tmp_path / "nowhere") == ""

    monkeypatch.setenv("PATH", "")
    assert commit_of(checkout) == ""


def test_a_lock_is_what_the_phase_resolved_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    phase = open_phase("phase3", "embedded", make_project(tmp_path))
    monkeypatch.setenv("REPHASE_IMAGE_DIGEST", "sha256:" + "1" * 64)
    inputs = {name: one.sha256 for name, one in phase.manifest.inputs.items()}

    lock = make_lock(phase, inputs, SOURCES)

    assert (lock.phase, lock.scale, lock.manifest_digest) == ("phase3", "embedded", phase.digest)
    assert lock.configs == {name: phase.config_digest(name) for name in ("baseline", "flowpolicy")}
    assert lock.configs["baseline"] != lock.configs["flowpolicy"]
    assert lock.inputs == inputs
    assert lock.plugins == {"rephase-mlp": "0.1.0", "rephase-own": "2.3"}
    assert lock.code == code_digest()
    assert lock.image == "sha256:" + "1" * 64
    store = Store(tmp_path / "runs", phase)
    store.pin(lock)
    assert read_lock(store.folder / "lock.json") == lock


def test_every_distribution_that_computes_is_named_in_record_and_lock(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    said = provenance(SOURCES, project)
    assert set(said["software"]) >= {"torch", "numpy", "scipy", "mujoco", "dm-control"}
    assert said["software"]["numpy"] == np.__version__
    assert said["instructions"]["torch"]
    assert "X86" in said["instructions"]["numpy"] or said["instructions"]["numpy"]
    phase = open_phase("phase3", "embedded", project)
    assert make_lock(phase, {}, SOURCES).software == said["software"]


def test_what_differs_between_two_executions_is_named_and_what_only_one_says_is_not() -> None:
    before = {"software": {"mujoco": "3.17.0", "numpy": "2.4"}, "machine": {"cpu": "X", "torch": "2.13"}}
    after = {"software": {"mujoco": "3.9.1", "numpy": "2.4", "scipy": "1"}, "machine": {"cpu": "Y", "torch": "2.13"}}
    found = differing_origins(before, [after, after, before])
    assert [str(one) for one in found] == [
        "CPU: recorded with X, here Y",
        "mujoco: recorded with 3.17.0, here 3.9.1",
    ]
    assert differing_origins(before, [before]) == ()
    assert differing_origins({}, [after]) == ()
    assert differing_origins({"machine": None, "software": 3}, [after]) == ()
