"""A rehearsal walks a phase's whole path in little time, says what all runs need, and is never taken for a result."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from fakes.projects import make_project

from rephase.cli.main import main
from rephase.reproduction.phases import open_phase
from rephase.reproduction.rehearsing import rehearsal_of

pytestmark = pytest.mark.slow

WORDS = ["phase3", "--scale", "embedded", "--project"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phase of 5 epochs that was run, recorded and then rehearsed."""
    folder = make_project(tmp_path_factory.mktemp("rehearsed"), tasks=("reacher-easy",), seeds=(1,), epochs=5)
    for command in ("run", "record"):
        assert main([command, *WORDS, str(folder)]) == 0
    return folder


def test_it_walks_the_path_and_says_what_all_runs_need(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rehearse", *WORDS, str(project), "--epochs", "3", "--json"]) == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert "REHEARSAL of phase3-embedded: 3 epochs and one episode of each config; no result" in shown.err
    assert (found["rehearsal"], found["device"]) == (True, "cpu")
    assert [(one["config"], one["runs"], one["epochs"], one["episodes"]) for one in found["needs"]] == [
        ("baseline", 1, 5, 2),
        ("flowpolicy", 1, 5, 2),
    ]
    for one in found["needs"]:
        least = one["epochs"] * one["epoch_seconds"] + one["episodes"] * one["episode_seconds"]
        assert one["run_seconds"] >= int(least)
        assert one["epoch_seconds"] > 0
        assert one["memory"] > 50e6
        assert one["disk_while_training"] > 0
        assert one["disk"] > 1000
        assert (one["fits_time"], one["fits_memory"]) == (True, True)
    folder = Path(found["folder"])
    assert folder.parent == project / "runs" / "rehearsals"
    assert folder.name.startswith("phase3-rehearsal-embedded-")
    page = (folder / "report.html").read_text()
    assert "a REHEARSAL of phase3-embedded, no result" in page
    assert "<h1>A rehearsal: it answers nothing.</h1>" in page
    assert "a rehearsal is no result" in page
    assert "come back" not in page
    assert "came back" not in page
    record = json.loads((folder / "baseline/reacher-easy/seed-1/record.json").read_text())
    assert (record["phase"], record["epochs"]) == ("phase3-rehearsal", 3)


def test_nothing_of_it_counts(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The phase has no run of its own: status, check and record see none, and a record moved over is refused."""
    words = [*WORDS, str(project), "--runs", str(tmp_path)]
    assert main(["rehearse", *words, "--epochs", "1"]) == 0
    capsys.readouterr()
    assert main(["check", *words]) == 3
    assert main(["record", *words, "--replace"]) != 0
    assert main(["status", *words, "--json"]) == 0
    assert "COMPLETED" not in capsys.readouterr().out
    phase = open_phase("phase3", "embedded", project)
    [rehearsed] = (tmp_path / "rehearsals").iterdir()
    shutil.copytree(rehearsed, tmp_path / phase.folder_name, dirs_exist_ok=True)
    assert main(["check", *words]) not in (0, 1, 4)


def test_its_manifest_is_another_and_says_so(project: Path) -> None:
    phase = open_phase("phase3", "embedded", project)
    short = rehearsal_of(phase, 2)
    assert short.name == "phase3-rehearsal-embedded"
    assert short.digest != phase.digest
    assert short.manifest.not_this == "a REHEARSAL of phase3-embedded, no result: 2 epochs instead of 5"
    assert [run.label for run in short.runs()] == ["baseline/reacher-easy/seed-1", "flowpolicy/reacher-easy/seed-1"]


def test_what_would_keep_the_phase_from_running_ends_it(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rehearse", *WORDS, str(project), "--epochs", "-1"]) == 2
    assert "-1 epochs are none; give 1 or more" in capsys.readouterr().err
    starts = project / "reproductions/embedded/start_states.safetensors"
    kept = starts.read_bytes()
    starts.write_bytes(kept[:-1] + b"x")
    try:
        assert main(["rehearse", *WORDS, str(project)]) == 3
        assert "the input 'start-states' is sha256:" in capsys.readouterr().err
    finally:
        starts.write_bytes(kept)
