from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes.projects import make_project

from rephase.cli.main import main


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_project(tmp_path_factory.mktemp("project"))
    (folder / "rephase.sif").write_bytes(b"image")
    return folder


def words(project: Path, tmp_path: Path, *more: str) -> list[str]:
    folders = ["--project", str(project), "--runs", str(tmp_path / "runs"), "--image", str(project / "rephase.sif")]
    return ["submit", "phase3", *folders, *more]


def test_a_dry_run_shows_every_script_and_leaves_nothing(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--partition", "coc-gpu", "--gpu", "L40S", "--time", "90m", "--throttle", "2", "--dry-run")
    assert main(words(project, tmp_path, *more)) == 0
    told = capsys.readouterr().out
    assert told.count("#!/bin/bash") == 3
    assert told.count("#SBATCH --gres=gpu:L40S:1\n") == 2
    assert told.count("#SBATCH --array=0-3%2\n") == 2
    assert told.count("#SBATCH --time=01:30:00\n") == 2
    assert "    [2]=baseline/cheetah-run/seed-1\n" in told
    assert told.endswith("nothing was submitted (--dry-run)\n")
    assert not (tmp_path / "runs").exists()


def test_the_scripts_are_the_same_for_machines(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(project, tmp_path, "--partition", "ice-gpu", "--dry-run", "--json")) == 0
    data = json.loads(capsys.readouterr().out)
    assert sorted(data["scripts"]) == ["baseline", "check", "flowpolicy"]
    assert data["jobs"] == {}


def test_run_options_reach_the_run(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ("--partition", "ice-gpu", "--run-options", "--threads 2 --extend", "--dry-run", "--json")
    assert main(words(project, tmp_path, *more)) == 0
    script = json.loads(capsys.readouterr().out)["scripts"]["baseline"]
    assert '--config baseline --threads 2 --extend --index "$SLURM_ARRAY_TASK_ID" --expect-run ' in script


def test_says_what_is_missing_or_wrong(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(project, tmp_path, "--dry-run")) == 2
    assert capsys.readouterr().err == (
        "rephase: phase3-embedded: resources.partition: names no partition; give --partition\n"
    )
    assert main(words(project, tmp_path, "--partition", "a b", "--dry-run")) == 2
    assert "resources.partition: 'a b' is not a partition name such as ice-gpu" in capsys.readouterr().err
    (tmp_path / "none").mkdir()
    line = words(project, tmp_path, "--partition", "ice-gpu", "--dry-run")
    line[line.index(str(project / "rephase.sif"))] = str(tmp_path / "none.sif")
    assert main(line) == 3
    assert capsys.readouterr().err == (
        f"rephase: {tmp_path / 'none.sif'}: there is no such image; "
        "build it with `rephase image build` or give --image\n"
    )


def test_without_a_queue_nothing_is_submitted(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(words(project, tmp_path, "--partition", "ice-gpu")) == 3
    assert capsys.readouterr().err == ("rephase: SLURM: sbatch is not here; run this on a login node of the cluster\n")
