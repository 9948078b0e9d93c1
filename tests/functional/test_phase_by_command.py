"""A miniature phase from the command line: run, stopped, gone on, recorded, checked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from fakes.projects import make_project

from rephase.cli.main import main
from rephase.manifest.record import read_record

pytestmark = pytest.mark.slow

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose phase is complete, and recorded from another execution of it, with more seeds."""
    folder = make_project(tmp_path_factory.mktemp("project"))
    reference = ["phase3", "--project", str(folder), "--runs", str(folder / "reference")]
    assert main(["run", *reference, "--reference", "--jobs", "1"]) == 0
    assert main(["record", *reference]) == 0
    assert main(["run", "phase3", "--project", str(folder), "--jobs", "1"]) == 0
    return folder


def words(project: Path, command: str, *more: str) -> list[str]:
    return [command, "phase3", "--project", str(project), *more]


def test_every_run_has_a_record_and_a_policy(project: Path) -> None:
    records = sorted(project.glob("runs/phase3-embedded-*/*/*/*/record.json"))

    assert len(records) == 8
    for path in records:
        record = read_record(path)
        assert path.parent.name == f"seed-{record.seed}"
        assert (path.parent / record.policy_file).is_file()
        assert len(record.episode_returns) == len(record.plan_episode_returns) == 1
        assert record.metrics["epoch"] == (1.0, 2.0)
        assert record.provenance["plugins"] == {
            name: version(name) for name in ("rephase-flow", "rephase-mlp", "rephase-rk")
        }
        assert len(record.grouped_with) == 4
        assert record.attempt == 1
        assert not record.resumed
    assert not list(project.glob("runs/**/cohort-*"))


def test_a_second_call_skips_what_is_done(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in project.glob("runs/**/record.json")}

    assert main(words(project, "run", "--json")) == 0

    said = json.loads(capsys.readouterr().out)
    assert len(said["skipped"]) == 8
    assert said["completed"] == []
    assert {path: path.stat().st_mtime_ns for path in project.glob("runs/**/record.json")} == before


def test_the_run_names_its_scale_and_what_it_is_not(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(words(project, "run"))

    first = capsys.readouterr().err.splitlines()[0]
    assert first == "phase3 at the embedded scale: not the 48M world model but a tiny random one"


def test_a_rerun_of_a_part_of_the_recorded_seeds_is_exact(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(project, "check")) == 0
    text = capsys.readouterr().out
    assert main(words(project, "check", "--json")) == 0
    data = json.loads(capsys.readouterr().out)

    assert "Config      Task          Seed  Reward  Plan Reward" in text
    assert data["decision"] == "EXACT"
    assert len(data["outcomes"]) == 8
    for row in data["outcomes"]:
        assert row["Reward"] in text
    assert "EXACT: phase3 at the embedded scale: all " in text
    assert max(map(len, text.splitlines())) <= 80
    recorded = json.loads((project / "reproductions/phase3/embedded.recorded.json").read_text())
    assert len(recorded["outcomes"]) == 16
    assert {"torch", "mujoco"} <= set(recorded["provenance"]["software"])


def test_the_runs_a_record_was_made_from_are_nothing_to_judge(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(project, "check", "--runs", str(project / "reference"))) == 3
    assert "NOTHING TO JUDGE YET" in capsys.readouterr().out


def test_kept_policies_play_new_episodes(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ["--config", "baseline", "--task", "cheetah-run"]
    assert main(words(project, "evaluate", "--episodes", "3", *chosen, "--json")) == 0
    data = json.loads(capsys.readouterr().out)
    assert [(run["config"], run["task"], run["seed"]) for run in data["runs"]] == [
        ("baseline", "cheetah-run", 1),
        ("baseline", "cheetah-run", 2),
    ]
    assert all(len(run["after"]) == 3 and len(run["before"]) == 1 for run in data["runs"])
    assert len(data["cells"]) == 1
    assert main(words(project, "evaluate", "--episodes", "3", *chosen, "--json")) == 0
    assert json.loads(capsys.readouterr().out) == data
    assert main(words(project, "evaluate", "--episodes", "1")) == 2
    assert main(words(project, "evaluate", "--runs", str(project / "nowhere"))) == 3
    assert "no run of it is complete" in capsys.readouterr().err


def test_log_and_status_tell_the_same(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(project, "log")) == 0
    log = capsys.readouterr().out
    assert main(words(project, "status", "--json")) == 0
    states = json.loads(capsys.readouterr().out)

    assert "| Config | Task | Seed | Reward | Plan Reward |" in log
    assert log.count("| baseline | ") == 4 + 1  # one a run, and the heading of the summary
    assert {row["state"] for row in states} == {"COMPLETED"}


def test_one_index_of_the_array_uses_the_same_folder(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(project, "run", "--index", "3", "--config", "flowpolicy", "--runs", str(tmp_path), "--json")) == 0

    assert json.loads(capsys.readouterr().out)["completed"] == ["flowpolicy/cheetah-run/seed-2"]
    [alone] = tmp_path.glob("**/record.json")
    together = next(project.glob("runs/**/flowpolicy/cheetah-run/seed-2/record.json"))
    assert alone.relative_to(tmp_path) == together.relative_to(project / "runs")
    assert read_record(alone).grouped_with == ("flowpolicy/cheetah-run/seed-2",)
    assert main(words(project, "check", "--runs", str(tmp_path))) == 3
    assert "1 of 8 runs are complete" in capsys.readouterr().out


def test_a_forged_figure_is_invalid(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = next(project.glob("runs/**/baseline/reacher-easy/seed-1/record.json"))
    whole = path.read_text()
    path.write_text(whole.replace('"seed":1,', '"seed":2,'))
    try:
        assert main(words(project, "check")) == 5
    finally:
        path.write_text(whole)

    assert "was changed after it was written" in capsys.readouterr().err


def test_a_swapped_policy_file_is_a_breach(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = next(project.glob("runs/**/baseline/reacher-easy/seed-1/policy.safetensors"))
    whole = policy.read_bytes()
    policy.write_bytes(whole[:-1])
    try:
        assert main(words(project, "check")) == 5
    finally:
        policy.write_bytes(whole)

    assert "its policy file is missing or is not the one that was evaluated" in " ".join(
        capsys.readouterr().out.split()
    )


@pytest.mark.parametrize(("number", "jobs"), [(signal.SIGINT, "1"), (signal.SIGTERM, "2")])
def test_a_stopped_run_goes_on_bit_for_bit(tmp_path: Path, number: signal.Signals, jobs: str) -> None:
    project = make_project(tmp_path, tasks=("reacher-easy",), epochs=120)
    command = [sys.executable, "-m", "rephase", *words(project, "run", "--jobs", jobs)]
    with subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as stopped:
        assert stopped.stderr is not None
        while "epoch 0/120" not in (line := stopped.stderr.readline()):
            assert line, "it ended before it began to train"
        stopped.send_signal(number)
        said = stopped.stderr.read()
    assert stopped.returncode == (130 if number == signal.SIGINT else 143)
    assert "Traceback" not in said
    assert "the same command goes on from there" in said
    assert list(tmp_path.glob("runs/**/state.safetensors"))

    again = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    whole = tmp_path / "undisturbed"
    subprocess.run([*command, "--runs", str(whole), "--jobs", "1"], env=ENVIRONMENT, capture_output=True, check=True)

    assert "going on from epoch" in again.stderr
    paths = sorted(project.glob("runs/**/record.json"))
    assert len(paths) == 4
    assert any(read_record(path).resumed for path in paths)
    for path in paths:
        resumed = read_record(path)
        straight = read_record(whole / path.relative_to(project / "runs"))
        assert resumed.attempt == (2 if resumed.resumed else 1)
        assert resumed.policy_sha256 == straight.policy_sha256
        assert resumed.episode_returns == straight.episode_returns
        assert resumed.metrics == straight.metrics
        assert resumed.curve == straight.curve
