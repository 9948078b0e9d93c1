"""What was submitted is what runs: a manifest edited while jobs wait makes their tasks start nothing."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from fakes.projects import make_project
from rephase_slurm.queue import Slurm

from rephase.cli.main import main
from rephase.reproduction.jobs import Order, plan
from rephase.reproduction.phases import open_phase
from rephase.reproduction.storing import Store

MANIFEST = "reproductions/phase3/embedded.toml"


def submitted(project: Path, index: int) -> tuple[list[str], list[str]]:
    """What a task of the array of the first config, and the check, would be called with inside the container."""
    phase = open_phase("phase3", "embedded", project)
    order = Order(
        image=str(project / "rephase.sif"),
        digest="sha256:" + "ab" * 32,
        project=project,
        runs=project / "runs",
        overrides={"partition": "any"},
    )
    ready = plan(Store(project / "runs", phase), order, {})
    job = ready.arrays["baseline"]
    tail = ["--index", str(index), "--expect-run", job.tasks[index].label]
    script = Slurm().text(ready.arrays["baseline"])
    assert f"    [{index}]={shlex.quote(job.tasks[index].label)}\n" in script
    return [*job.arguments, *tail, "--threads", "1"], list(ready.check.arguments)


def edit(project: Path, old: str, new: str) -> None:
    path = project / MANIFEST
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_an_unchanged_manifest_starts_the_run_that_was_submitted(tmp_path: Path) -> None:
    project = make_project(tmp_path, tasks=("reacher-easy",), seeds=(1,))
    words, _ = submitted(project, 0)
    assert main(words) == 0
    assert list(project.glob("runs/*/baseline/reacher-easy/seed-1/record.json"))


@pytest.mark.parametrize(("old", "new"), [("epochs = 2", "epochs = 3"), ("seeds = [1]", "seeds = [1, 2]")])
def test_an_edited_manifest_starts_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str
) -> None:
    project = make_project(tmp_path, tasks=("reacher-easy",), seeds=(1,))
    words, check = submitted(project, 0)
    before = open_phase("phase3", "embedded", project).digest
    edit(project, old, new)
    for line in (words, check):
        assert main(line) == 3
        assert capsys.readouterr().err.splitlines()[-1] == (
            f"rephase: {project / MANIFEST}: the manifest is {open_phase('phase3', 'embedded', project).digest}, "
            f"submitted was {before}; nothing was run; "
            "put the manifest back as it was, or cancel these jobs and submit again"
        )
    assert not (project / "runs").exists()


def test_edited_arrays_start_nothing_in_place_of_another_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """[arrays] is no part of the digest, because it changes no number; it changes what an index means."""
    project = make_project(tmp_path, tasks=("reacher-easy",), seeds=(1, 2))
    words, _ = submitted(project, 1)
    order = '[arrays.all]\nconfigs = ["flowpolicy", "baseline"]\norder = ["seed", "config", "task"]\n'
    edit(project, "[algorithm]\n", f"{order}\n[algorithm]\n")
    assert main(words) == 3
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"rephase: {project / MANIFEST}: index 1 is now baseline/reacher-easy/seed-1, submitted was "
        "baseline/reacher-easy/seed-2; nothing was run; "
        "put the manifest back as it was, or cancel these jobs and submit again"
    )
    assert not (project / "runs").exists()


def test_an_expected_run_needs_an_index(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make_project(tmp_path, tasks=("reacher-easy",), seeds=(1,))
    assert main(["run", "phase3", "--project", str(project), "--expect-run", "baseline/reacher-easy/seed-1"]) == 2
    assert "--expect-run says what an index is; give --index too" in capsys.readouterr().err
