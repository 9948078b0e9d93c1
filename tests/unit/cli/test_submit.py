from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes.projects import make_project

from rephase.cli.main import main


@pytest.fixture(autouse=True)
def sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nobody's own profiles."""
    monkeypatch.setenv("REPHASE_SITES", str(tmp_path / "sites.toml"))
    return tmp_path / "sites.toml"


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
        "rephase: rephase-phase3-embedded-baseline: resources.partition: names no partition; give --partition\n"
    )
    assert main(words(project, tmp_path, "--partition", "a b", "--dry-run")) == 2
    assert (
        "resources.partition: 'a b' is not a partition name such as ice-gpu, or a list such as ice-gpu,coc-gpu"
        in capsys.readouterr().err
    )
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


SITES = """
default = "ice"

[sites.ice]
partition = "ice-gpu"
gpu = "any"
memory = "20GB"
check_partition = "ice-cpu"
throttle = 3

[sites.ice.options]
qos = "long"
check_qos = "short"

[sites.ice.options.sbatch]
mail-type = "END"
"""


def test_a_profile_says_it_once_and_the_command_line_goes_before_it(
    project: Path, tmp_path: Path, sites: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sites.write_text(SITES)
    more = (
        "--memory",
        "40GB",
        "--qos",
        "urgent",
        "--sbatch",
        "exclusive",
        "--sbatch",
        "nice=100",
        "--dry-run",
        "--json",
    )
    assert main(words(project, tmp_path, *more)) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["site"] == "ice"
    lines = [line.removeprefix("#SBATCH --") for line in data["scripts"]["baseline"].splitlines() if "#SBATCH" in line]
    assert {"partition=ice-gpu", "gres=gpu:1", "mem=40GB", "qos=urgent", "exclusive", "nice=100", "mail-type=END",
            "array=0-3%3"} <= set(lines)  # fmt: skip
    check = data["scripts"]["check"]
    assert "--partition=ice-cpu\n" in check
    assert "--qos=short\n" in check
    assert "exclusive" not in check


@pytest.mark.parametrize(
    ("text", "more", "problem"),
    [
        (
            "[sites.ice]\npartitoin = 'x'\n",
            ("--site", "ice"),
            "sites.ice.partitoin: unknown key; did you mean 'partition'?",
        ),
        ("[sites.ice]\ncpus = '2'\n", ("--site", "ice"), "sites.ice.cpus: expected a whole number, found text '2'"),
        ("[sites.ice]\n", ("--site", "ise"), "unknown site 'ise'; did you mean 'ice'?"),
        (
            "[sites.ice.options]\nqoss = 'x'\n",
            ("--site", "ice"),
            "options of slurm: qoss: unknown key; did you mean 'qos'?",
        ),
        ("", ("--sbatch", "mem=4GB"), "options of slurm: sbatch: 'mem' is not taken from here; use --memory"),
        ("", ("--option", "gpus"), "--option: 'gpus' is not KEY=VALUE; write it as shown"),
        ("", ("--runner", "slrm"), "--runner: unknown runner 'slrm'; did you mean 'slurm'?"),
        ("", ("--limit", "0"), "--limit: 0 is no number of runs; give 1 or more"),
    ],
)
def test_says_what_is_wrong_in_a_profile_or_an_option(
    text: str, more: tuple[str, ...], problem: str, project: Path, tmp_path: Path, sites: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    sites.write_text(text)
    assert main(words(project, tmp_path, "--partition", "ice-gpu", "--dry-run", *more)) == 2
    assert problem in capsys.readouterr().err


def test_a_site_without_a_file_is_said(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(project, tmp_path, "--site", "ice", "--dry-run")) == 2
    assert capsys.readouterr().err == (
        f"rephase: {tmp_path / 'sites.toml'}: there is no file of site profiles; write one with a table [sites.ice]\n"
    )


def test_what_a_queue_prints_after_the_number_is_kept(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole submission against stand-ins for SLURM's programs."""
    queue = tmp_path / "bin"
    queue.mkdir()
    log = tmp_path / "said"
    sbatch = f"""case "$*" in *--test-only*) ;; *) n=$(($(cat {tmp_path}/n 2>/dev/null || echo 1000) + 1))
echo $n > {tmp_path}/n; echo "$n;sibling"; echo charged to project x;; esac"""
    for name, body in {"sbatch": sbatch, "squeue": "", "scontrol": "", "sacct": "exit 1", "scancel": ""}.items():
        (queue / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {log}\n{body}\n')
        (queue / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{queue}:/usr/bin:/bin")
    assert main(words(project, tmp_path, "--partition", "ice-gpu")) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[:4] == [
        "baseline: 4 runs as job 1001;sibling",
        "flowpolicy: 4 runs as job 1002;sibling",
        "slurm says: charged to project x",
        "slurm says: charged to project x",
    ]
    said = log.read_text()
    assert "scontrol -M sibling release 1001\n" in said
    assert "-M sibling --dependency=afterany:1001:1002" in said
    folders = ["--project", str(project), "--runs", str(tmp_path / "runs")]
    assert main(["status", "phase3", *folders]) == 0
    assert (
        "job 1001_0;sibling is unknown: squeue does not list it, and sacct: no reason given" in capsys.readouterr().out
    )
    assert "squeue -M sibling" in log.read_text()
