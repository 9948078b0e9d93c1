"""What goes wrong in practice: one clear message each, the documented exit code, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fakes.projects import make_project

from rephase.cli.main import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path)


def run(project: Path, *words: str) -> tuple[int, list[str]]:
    """Exit code and lines on standard error of a `rephase` process."""
    command = [sys.executable, "-m", "rephase", *words, "--project", str(project)]
    done = subprocess.run(
        command, cwd=project, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr.splitlines()


def edit(project: Path, old: str, new: str) -> None:
    path = project / "reproductions/phase3/embedded.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_one_byte_of_the_world_model_changed(project: Path) -> None:
    path = project / "reproductions/embedded/world_model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    code, lines = run(project, "run", "phase3")

    assert code == 3
    assert lines[-1].startswith(
        "rephase: reproductions/embedded/world_model.safetensors: the input 'world-model' is sha256:"
    )
    assert lines[-1].endswith("nothing was loaded from it; restore the file, for example with git")
    assert not list(project.glob("runs/**/record.json"))


def test_a_misspelt_key(project: Path) -> None:
    edit(project, "horizon = 2", "horizn = 2")

    code, lines = run(project, "run", "phase3")

    assert code == 2
    assert lines == [
        "rephase: reproductions/phase3/embedded.toml: algorithm.horizn: unknown key; did you mean 'horizon'?"
    ]


def test_a_task_that_does_not_exist(project: Path) -> None:
    edit(project, '"reacher-easy", "cheetah-run"', '"reacher-eazy", "cheetah-run"')

    code, lines = run(project, "run", "phase3")

    assert code == 2
    assert lines == [
        "rephase: reproductions/phase3/embedded.toml: tasks[0]: unknown task 'reacher-eazy'; "
        "did you mean 'reacher-easy'?"
    ]


def test_a_task_on_the_command_line_that_does_not_exist(project: Path) -> None:
    code, lines = run(project, "run", "phase3", "--task", "reacher-eazy")

    assert code == 2
    assert lines == ["rephase: phase3-embedded: unknown task 'reacher-eazy'; did you mean 'reacher-easy'?"]


def test_a_plugin_that_is_not_installed(project: Path) -> None:
    edit(project, 'rephase-rk = ">=0.1"', 'rephase-rkk = ">=0.1"')

    code, lines = run(project, "run", "phase3")

    assert code == 2
    assert lines[-1] == (
        "rephase: embedded.toml: plugins.rephase-rkk: is not installed, or offers nothing; install rephase-rkk>=0.1"
    )


def test_a_part_whose_plugin_the_manifest_does_not_name(project: Path) -> None:
    edit(project, 'rephase-rk = ">=0.1"\n', "")

    code, lines = run(project, "run", "phase3")

    assert code == 2
    assert lines[-1].startswith(
        "rephase: reproductions/configs/flowpolicy.toml: policy.integrator.part: unknown integrator 'heun'; "
        "known: none (rephase plugins shows all); installed but not among the manifest's plugins: "
    )
    assert "rephase-rk" in lines[-1]


def test_settings_that_do_not_fit_the_part(project: Path) -> None:
    path = project / "reproductions/configs/baseline.toml"
    path.write_text(path.read_text().replace("latent_size = 16", "latent_size = 17\nlatent = 1"))

    code, lines = run(project, "run", "phase3")

    assert code == 2
    assert lines[-2:] == [
        "rephase: reproductions/configs/baseline.toml: world_model.settings.latent: unknown key; "
        "did you mean 'latent_size'?",
        "reproductions/configs/baseline.toml: world_model.settings.latent_size: must be a multiple of simnorm = 8, "
        "found 17",
    ]


def test_a_world_model_of_other_sizes(project: Path) -> None:
    path = project / "reproductions/configs/baseline.toml"
    path.write_text(path.read_text().replace("latent_size = 16", "latent_size = 24"))

    code, lines = run(project, "run", "phase3", "--config", "baseline")

    assert code == 3
    assert "parameters do not fit the 'mlp' world model" in lines[-1]
    assert "compare the config's world_model.settings with the file" in lines[-1]


def test_a_phase_that_does_not_exist(project: Path) -> None:
    code, lines = run(project, "run", "phase33")

    assert code == 2
    assert lines == ["rephase: unknown phase 'phase33'; did you mean 'phase3'? (rephase show shows all)"]


def test_the_logged_scale_without_its_checkpoint(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["run", "phase3", "--scale", "logged", "--project", str(ROOT), "--runs", str(tmp_path), "--device", "cpu"]

    assert main(words) == 3

    last = capsys.readouterr().err.splitlines()[-1]
    assert "the input 'world-model' is not there" in last
    assert "'rephase fetch phase3 --scale logged' gets it from the hub repository imgeorgiev/pwm" in last


def test_nothing_to_compare_with(project: Path) -> None:
    code, lines = run(project, "check", "phase3")

    assert code == 2
    assert lines == [
        "rephase: reproductions/phase3/embedded.toml: recorded: no such file: embedded.recorded.json; "
        "'rephase run phase3' makes runs, 'rephase record phase3' records them"
    ]


def test_outside_of_any_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REPHASE_PROJECT", raising=False)
    done = subprocess.run(
        [sys.executable, "-m", "rephase", "show"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "no folder 'reproductions' here or above" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rnu"], "rephase: unknown command 'rnu'; did you mean 'run'? (rephase --help shows all)"),
        (
            ["run"],
            "rephase: rephase run: the following arguments are required: PHASE; "
            "'rephase run --help' shows how to use it",
        ),
    ],
)
def test_words_nobody_knows(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert capsys.readouterr().err.strip() == message
