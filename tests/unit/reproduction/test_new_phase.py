"""Phases from nothing: what is written can be run, and what cannot be is not written."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes.projects import make_project

from rephase.cli.main import main
from rephase.reproduction.phases import open_phase

PARTS = ["--world-model", "mlp", "--policy", "flow-ode", "--policy-integrator", "heun", "--task", "walker-stand"]


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    embedded = make_project(tmp_path / "other") / "reproductions/embedded"
    monkeypatch.setenv("REPHASE_INPUTS", str(embedded))
    return {"world-model": embedded / "world_model.safetensors", "start-states": embedded / "start_states.safetensors"}


def given(inputs: dict[str, Path]) -> list[str]:
    return [word for name, path in inputs.items() for word in ("--input", f"{name}={path}")]


def test_a_phase_of_a_frozen_model_is_written_whole(
    tmp_path: Path, inputs: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["new-phase", "mine", *PARTS, *given(inputs), "--project", str(tmp_path), "--seed", "3"]

    changes = ["policy.settings.units=[8]", "algorithm.epochs=7", "algorithm.variants.bootstrap=corrected"]
    assert main([*words, *(word for one in changes for word in ("--set", one)), "--set", "evaluation.every=0"]) == 0

    phase = open_phase("mine", "embedded", tmp_path)
    policy = phase.configs["main"].policy
    assert (policy.settings["units"], policy.integrator and policy.integrator.part) == ((8,), "heun")
    assert phase.configs["main"].world_model.settings["bins"] == 101  # a default, written out
    algorithm = phase.algorithm("main")
    assert (algorithm.epochs, algorithm.horizon, algorithm.variants.bootstrap) == (7, 5, "corrected")
    assert (phase.manifest.evaluation.every, phase.manifest.evaluation.episodes) == (0, 10)
    assert (phase.manifest.tasks, phase.manifest.seeds) == (("walker-stand",), (3,))
    assert set(phase.manifest.plugins) == {"rephase-mlp", "rephase-flow", "rephase-rk"}
    assert all(phase.path_of(name).is_file() for name in inputs)
    assert f"  rephase run mine --project {tmp_path}" in capsys.readouterr().out.splitlines()
    assert main(["show", "mine", "--project", str(tmp_path)]) == 0


def test_inputs_outside_the_project_are_the_users_to_allow(
    tmp_path: Path, inputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = inputs["world-model"].parent
    monkeypatch.delenv("REPHASE_INPUTS")

    assert main(["new-phase", "mine", *PARTS, *given(inputs), "--project", str(tmp_path)]) == 2

    assert f"or allow its folder with REPHASE_INPUTS={folder}" in capsys.readouterr().err
    assert not (tmp_path / "reproductions").exists()


def test_episodes_make_each_run_train_a_model_of_its_own(tmp_path: Path, inputs: dict[str, Path]) -> None:
    words = ["new-phase", "mine", *PARTS, "--input", f"episodes={inputs['start-states']}", "--project", str(tmp_path)]

    assert main(words) == 0

    phase = open_phase("mine", "embedded", tmp_path)
    use = phase.manifest.configs["main"]
    assert phase.algorithm("main").finetune_world_model
    assert (use.transitions, use.world_model, use.start_states) == (("episodes",), "", "")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--policy", "flow-od"], "--policy: unknown policy 'flow-od'; did you mean 'flow-ode'"),
        (["--task", "walker-stant"], "did you mean 'walker-stand'?"),
        (["--input", "world-model=absent"], "--input world-model=absent: no such file; check the path"),
        (["--input", "absent"], "--input: 'absent' is no input; write NAME=FILE"),
        (["--set", "policy.settings.unitz=[8]"], "unitz"),
        (["--seed", "-1"], "seed -1 is negative"),
    ],
)
def test_what_could_not_be_run_is_refused_and_nothing_is_written(
    tmp_path: Path, inputs: dict[str, Path], capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    assert main(["new-phase", "mine", *PARTS, *given(inputs), "--project", str(tmp_path / "new"), *more]) == 2

    assert said in capsys.readouterr().err
    assert not (tmp_path / "new/reproductions/mine").exists()


def test_a_phase_that_is_there_is_not_replaced(tmp_path: Path, inputs: dict[str, Path]) -> None:
    words = ["new-phase", "mine", *PARTS, *given(inputs), "--project", str(tmp_path)]

    assert [main(words), main(words)] == [0, 2]


def test_an_integrator_for_a_policy_that_takes_none_is_refused(
    tmp_path: Path, inputs: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word.replace("flow-ode", "gaussian-mlp") for word in PARTS]
    assert main(["new-phase", "mine", *words, *given(inputs), "--project", str(tmp_path / "new")]) == 2
    assert "'gaussian-mlp' takes no integrator" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_several_policies_are_a_config_each(tmp_path: Path, inputs: dict[str, Path]) -> None:
    words = ["new-phase", "mine", *PARTS, "--policy", "gaussian-mlp", *given(inputs), "--project", str(tmp_path)]

    assert main(words) == 0

    phase = open_phase("mine", "embedded", tmp_path)
    chosen = {name: (config.policy.part, bool(config.policy.integrator)) for name, config in phase.configs.items()}
    assert chosen == {"flow-ode": ("flow-ode", True), "gaussian-mlp": ("gaussian-mlp", False)}
