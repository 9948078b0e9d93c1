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


def test_cancels_what_waits_and_leaves_alone_what_nobody_knows(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against stand-ins for SLURM's programs; the queue lists the first array only."""
    monkeypatch.setenv("REPHASE_SITES", str(tmp_path / "none.toml"))
    log = tmp_path / "said"
    count = f"n=$(($(cat {tmp_path}/n 2>/dev/null || echo 0) + 1)); echo $n > {tmp_path}/n; echo $n"
    bodies = {
        "sbatch": f'case "$*" in *--test-only*) ;; *) {count};; esac',
        "squeue": "echo '1_[0-3]|PENDING|Resources'",
        "scontrol": "",
        "sacct": "",
        "scancel": "",
    }
    for name, body in bodies.items():
        (tmp_path / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {log}\n{body}\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    folders = ["--project", str(project), "--runs", str(tmp_path / "runs")]
    image = ["--image", str(project / "rephase.sif")]
    assert main(["cancel", "phase3", *folders]) == 0
    assert capsys.readouterr().out == "no job waits or runs\n"
    assert main(["submit", "phase3", *folders, *image, "--partition", "ice-gpu"]) == 0
    capsys.readouterr()

    assert main(["cancel", "phase3", "--seed", "2", *folders, "--json"]) == 3
    data = json.loads(capsys.readouterr().out)
    assert sorted(data["cancelled"].values()) == ["1_1", "1_3"]
    assert sorted(data["unknown"].values()) == ["2_1", "2_3"]
    assert data["checks"] == []
    assert log.read_text().endswith("scancel --quiet 1_1 1_3\n")
