"""A short phase computed as on lesser CPUs and under other habits: the same digests, and not by default."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from fakes.projects import make_project

from rephase.cli.main import main
from rephase.manifest.hashing import digest_of
from rephase.manifest.record import Record, read_record
from rephase.runtime import arithmetic
from rephase.runtime.machine import describe_machine

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests/data/arithmetic"
SEEN = FOLDER / "short-phase.json"
LIBRARIES = ("torch", "numpy", "mujoco", "dm_control")

needs_portable = pytest.mark.skipif(bool(arithmetic.why_not()), reason=arithmetic.why_not() or "it can be had")

Run = Callable[..., dict[str, str]]


def _digests(runs: Path) -> dict[str, str]:
    """What a verdict calls EXACT, of every run below a folder."""
    records: list[Record] = [read_record(path) for path in sorted(runs.glob("*/*/*/*/record.json"))]
    return {
        f"{one.config}/{one.task}/seed-{one.seed}": digest_of(
            [one.policy_sha256, one.world_model_sha256, one.episode_returns, [point.reward for point in one.curve]]
        )
        for one in records
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs the short phase in processes of its own and returns the digest of each run."""
    known: dict[tuple[Any, ...], dict[str, str]] = {}

    def once(kind: str, jobs: int = 1, tasks: int = 2, **environ: str) -> dict[str, str]:
        key = (kind, jobs, tasks, *sorted(environ.items()))
        if key not in known:
            folder = tmp_path_factory.mktemp("short")
            text = (FOLDER / "short-phase.toml").read_text().replace("../../../", f"{ROOT}/")
            text = text.replace('"portable"', f'"{kind}"')
            (folder / "short.toml").write_text(text)
            words = ["run", "short.toml", "--runs", "runs", "--jobs", str(jobs)]
            words += ["--task", "reacher-easy"] if tasks == 1 else []
            done = subprocess.run(
                [sys.executable, "-m", "rephase", *words],
                cwd=folder,
                env={**_plain_environment(), **environ, "REPHASE_INPUTS": str(ROOT / "reproductions")},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            known[key] = _digests(folder / "runs")
            used = {read_record(path).provenance["arithmetic"]["used"] for path in folder.rglob("record.json")}
            assert used == {kind}
        return known[key]

    return once


def _plain_environment() -> dict[str, str]:
    """This process's environment without a word to the libraries that compute."""
    others = arithmetic.environment(os.environ)
    return {name: value for name, value in others.items() if os.environ.get(name) == value} | {"MUJOCO_GL": "disabled"}


@needs_portable
@pytest.mark.slow
@pytest.mark.parametrize(
    ("jobs", "environ"),
    [
        (1, {"MKL_ENABLE_INSTRUCTIONS": "SSE4_2", "ATEN_CPU_CAPABILITY": "default"}),
        (2, {"MKL_ENABLE_INSTRUCTIONS": "AVX2", "OMP_NUM_THREADS": "7", "MKL_NUM_THREADS": "7"}),
        (1, {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F", "OPENBLAS_CORETYPE": "Prescott"}),
    ],
    ids=["a lesser CPU", "many threads and two jobs", "another C library and BLAS"],
)
def test_nothing_around_it_changes_a_bit(run: Run, jobs: int, environ: dict[str, str]) -> None:
    assert run("portable", jobs, **environ) == run("portable")


@needs_portable
@pytest.mark.slow
def test_without_portable_arithmetic_the_bits_are_the_cpus(run: Run) -> None:
    ways: list[Mapping[str, str]] = [{}, {"ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}]
    found = [run("native", tasks=1, **environ) for environ in ways]
    if found[0] == found[1]:
        pytest.skip(f"{describe_machine().cpu} has nothing that the least CPU lacks, or takes no notice of variables")
    portable = {label: digest for label, digest in run("portable").items() if "reacher-easy" in label}
    assert len(portable) == len(found[0]) == 9
    assert all(portable[label] != digest for label, digest in found[0].items())


@needs_portable
@pytest.mark.slow
def test_the_short_phase_gives_the_bits_it_was_seen_to_give(run: Run) -> None:
    """``REPHASE_WRITE_GOLDEN=1`` writes them, or names this CPU beside the others where they are the same."""
    seen = json.loads(SEEN.read_text()) if SEEN.exists() else {}
    versions = {name: version(name).partition("+")[0] for name in LIBRARIES}
    probed = _probed()
    digests = run("portable")
    if os.environ.get("REPHASE_WRITE_GOLDEN"):
        same = (seen.get("digests"), seen.get("versions")) == (digests, versions)
        cpus = {*(seen["seen_exact_on"] if same else ()), describe_machine().cpu}
        seen = {"digests": digests, "versions": versions, "probe": probed, "seen_exact_on": sorted(cpus)}
        SEEN.write_text(json.dumps(seen, indent=1) + "\n")
    if seen["versions"] != versions:
        pytest.skip(f"the digests are those of {seen['versions']}, installed is {versions}")
    if seen["probe"]["C library"] != probed["C library"]:
        pytest.skip(f"the C library ({' '.join(platform.libc_ver())}) rounds its functions in another way")
    assert probed == seen["probe"]
    assert digests == seen["digests"], f"seen EXACT on {', '.join(seen['seen_exact_on'])}"


def _probed() -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "rephase.runtime.arithmetic"], capture_output=True, text=True, check=True
    )
    told: dict[str, str] = json.loads(done.stdout)["probe"]
    return told


@pytest.mark.slow
@needs_portable
def test_a_program_that_loaded_torch_hands_the_work_to_processes_that_compute_portably(tmp_path: Path) -> None:
    import torch

    project = make_project(tmp_path, tasks=("reacher-easy",), seeds=(1,), epochs=1, arithmetic="portable")
    assert torch.__version__
    assert not arithmetic.is_started()
    before = dict(os.environ)

    assert main(["run", "phase3", "--project", str(project), "--config", "baseline", "--jobs", "1"]) == 0

    assert os.environ == before
    (path,) = project.rglob("record.json")
    told = read_record(path).provenance["arithmetic"]
    assert (told["asked"], told["used"]) == ("portable", "portable")
    torch_release = version("torch").partition("+")[0]
    assert set(told["probe"]) == {
        "C library",
        f"numpy {version('numpy')}",
        f"torch {torch_release}",
        f"functions of torch {torch_release}",
    }


def test_where_it_cannot_be_had_one_line_says_so_and_the_phase_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    project = make_project(tmp_path, tasks=("reacher-easy",), seeds=(1,), epochs=1, arithmetic="portable")

    assert main(["run", "phase3", "--project", str(project), "--config", "baseline", "--jobs", "1"]) == 0

    said = [line for line in capsys.readouterr().err.splitlines() if "arithmetic" in line]
    assert said == [
        "portable arithmetic cannot be had here: it is for x86-64 with Linux, and this is aarch64 with Linux; "
        "results are judged by their values"
    ]
    (path,) = project.rglob("record.json")
    told = read_record(path).provenance["arithmetic"]
    assert told == {
        "asked": "portable",
        "used": "native",
        "because": "it is for x86-64 with Linux, and this is aarch64 with Linux",
    }


@pytest.mark.slow
@needs_portable
def test_a_command_started_again_says_everything_once(tmp_path: Path) -> None:
    project = make_project(tmp_path, tasks=("reacher-easy",), seeds=(1,), epochs=1, arithmetic="portable")
    assert shutil.which(sys.executable)
    done = subprocess.run(
        [sys.executable, "-m", "rephase", "run", "phase3", "--project", str(project), "--jobs", "1", "--threads", "4"],
        env=_plain_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    lines = (done.stdout + done.stderr).splitlines()
    assert sum("phase3 at the embedded scale" in line for line in lines) == 1
    assert "portable arithmetic takes one thread a process, not 4; --jobs uses more cores" in lines
    assert {read_record(path).provenance["arithmetic"]["used"] for path in project.rglob("record.json")} == {"portable"}
    assert {read_record(path).provenance["machine"]["threads"] for path in project.rglob("record.json")} == {1}


@needs_portable
@pytest.mark.slow
def test_pretraining_leaves_the_same_files_on_a_lesser_cpu(tmp_path: Path) -> None:
    schedule = {"explore": 2, "first_fit": 4, "rounds": 1, "policies": 2, "epochs": 3, "episodes": 2, "final_fit": 4}
    sizes = ["world_model.settings.latent_size=16", "world_model.settings.units=[16]", "policy.settings.units=[16]"]
    words = [word for name, value in schedule.items() for word in ("--schedule", f"{name}={value}")]
    words += [word for size in sizes for word in ("--set", size)]
    found = []
    for name, environ in (("first", {}), ("second", {"MKL_ENABLE_INSTRUCTIONS": "SSE4_2", "OMP_NUM_THREADS": "7"})):
        folder = tmp_path / name
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-m", "rephase", "pretrain", "walk", "--task", "walker-run", *words],
            cwd=folder,
            env={**_plain_environment(), **environ},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        made = folder / "reproductions/walk"
        assert json.loads((made / "provenance.json").read_text())["arithmetic"] == "portable"
        found.append({path.name: path.read_bytes() for path in made.iterdir()})
    assert len(found[0]) == 5
    assert found[0] == found[1]
