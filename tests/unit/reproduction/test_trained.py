"""A completed run is found by its folder or label, and its policy acts as its parts do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from fakes.projects import make_project
from torch import nn

from rephase.engine.checkpoints import write_tensors
from rephase.environments import SPACES, find_task
from rephase.errors import InputMismatch, UsageError
from rephase.manifest.record import Record
from rephase.plugins.registry import discover
from rephase.reproduction.composing import build_policy, compose
from rephase.reproduction.inputs import verify_inputs
from rephase.reproduction.loading import load_world_model
from rephase.reproduction.phases import open_phase
from rephase.reproduction.storing import Store
from rephase.reproduction.trained import find_run, sees_no_padding, trained_policy


def completed(folder: Path, label: str = "baseline/walker-stand/seed-42") -> Path:
    (folder / label).mkdir(parents=True)
    (folder / label / "record.json").write_text("{}")
    return folder / label


def test_a_run_is_found_by_its_folder_or_its_label(tmp_path: Path) -> None:
    run = completed(tmp_path / "phase3-embedded-0123")
    assert find_run(str(run), tmp_path) == run
    assert find_run("baseline/walker-stand/seed-42", tmp_path) == run


def test_a_run_that_is_not_there_or_in_two_phases_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no completed run 'baseline/\*/seed-1'"):
        find_run("baseline/*/seed-1", tmp_path)
    for phase in ("one", "other"):
        completed(tmp_path / phase)
    with pytest.raises(UsageError, match="2 completed runs"):
        find_run("baseline/walker-stand/seed-42", tmp_path)


@pytest.fixture
def run(tmp_path: Path) -> tuple[Path, Path, nn.Module, nn.Module]:
    """A completed run of a miniature project with the folder, the project and the parts it acts with."""
    project = make_project(tmp_path, tasks=("reacher-easy",))
    phase = open_phase("phase3", "embedded", project)
    store, run = Store(tmp_path / "runs", phase), phase.runs()[0]
    composition = compose(phase, discover(phase.manifest.plugins), ["baseline"])["baseline"]
    inputs = verify_inputs(phase, ["baseline"], None)
    model = load_world_model(composition, phase.path_of("world-model"), inputs["world-model"])
    policy = build_policy(composition.policy, model.latent_size(), SPACES.action)
    assert isinstance(policy, nn.Module)
    for parameter in policy.parameters():
        nn.init.normal_(parameter, std=0.3, generator=torch.Generator().manual_seed(1))
    digest = write_tensors(store.policy_path(run), policy.state_dict())
    store.write_record(
        Record(
            phase="phase3",
            scale="embedded",
            config=run.config,
            task=run.task,
            seed=run.seed,
            manifest_digest=phase.digest,
            config_digest=phase.config_digest(run.config),
            resolved=phase.resolved(run.config),
            inputs=inputs,
            reward=1.0,
            episode_returns=(1.0,),
            epochs=2,
            policy_file="policy.safetensors",
            policy_sha256=digest,
            provenance={},
        )
    )
    return store.folder_of(run), project, model, policy


def test_its_policy_acts_on_the_latents_of_its_world_model(run: tuple[Path, Path, nn.Module, nn.Module]) -> None:
    folder, project, model, policy = run
    record, act = trained_policy(folder, project)
    observation = np.linspace(-1, 1, 2 * SPACES.observation, dtype=np.float32).reshape(2, -1)
    task = torch.full((2,), find_task(record.task).index)
    with torch.no_grad():
        latent = model.encode(torch.from_numpy(observation), task)
        expected = policy.mean(latent).tanh()
    np.testing.assert_allclose(act(observation), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_a_policy_or_a_config_that_was_changed_since_is_refused(run: tuple[Path, Path, nn.Module, nn.Module]) -> None:
    folder, project, _, _ = run
    write_tensors(folder / "policy.safetensors", {"other": torch.zeros(1)})
    with pytest.raises(InputMismatch, match="policy"):
        trained_policy(folder, project)
    config = project / "reproductions/configs/baseline.toml"
    config.write_text(config.read_text().replace("units = [16, 16]", "units = [8]"))
    with pytest.raises(InputMismatch, match="was run with config 'baseline'"):
        trained_policy(folder, project)


def test_whether_a_configs_models_see_padding() -> None:
    phase = open_phase("phase3-variants", "embedded", Path(__file__).parents[3])
    assert {name: sees_no_padding(phase, name) for name in ("corrected", "keep-mask-actions")} == {
        "corrected": True,
        "keep-mask-actions": False,
    }
