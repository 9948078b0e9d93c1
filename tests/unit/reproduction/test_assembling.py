"""A cohort is put together from the files its config names, one member a run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from fakes.projects import make_project

from rephase.engine.checkpoints import read_tensors
from rephase.environments import find_task
from rephase.errors import CheckpointError
from rephase.plugins.registry import discover
from rephase.reproduction.assembling import build_cohort
from rephase.reproduction.composing import compose
from rephase.reproduction.inputs import verify_inputs
from rephase.reproduction.phases import open_phase


def cohort_of(project: Path, config: str = "baseline"):
    phase = open_phase("phase3", "embedded", project)
    composition = compose(phase, discover(phase.manifest.plugins), [config])[config]
    runs = [run for run in phase.runs() if run.config == config]
    return runs, build_cohort(phase, config, runs, composition, verify_inputs(phase, [config], None), "cpu")


def test_every_run_is_a_member_and_a_frozen_model_is_the_files(tmp_path: Path) -> None:
    runs, cohort = cohort_of(make_project(tmp_path))

    assert [(one.task, one.seed) for one in cohort.members] == [(find_task(run.task).index, run.seed) for run in runs]
    assert cohort.epoch == 0
    assert cohort.world_model_state(0) == {}
    own, _ = read_tensors(tmp_path / "reproductions/embedded/world_model.safetensors")
    parameters = cohort._world_model.module.state_dict()
    assert set(own) == set(parameters)
    assert all(torch.equal(own[name], value) for name, value in parameters.items())


def test_each_run_that_trains_its_model_has_one_of_its_own_by_seed(tmp_path: Path) -> None:
    runs, cohort = cohort_of(make_project(tmp_path, trains_world_model=True))
    states = [cohort.world_model_state(at) for at in range(len(runs))]
    name = next(name for name in states[0] if name.endswith("weight"))
    assert all(states)
    by_seed = {run.seed: states[at][name] for at, run in enumerate(runs)}
    for at, run in enumerate(runs):
        assert torch.equal(states[at][name], by_seed[run.seed])
    assert not torch.equal(*by_seed.values())


def test_a_task_without_start_states_is_said(tmp_path: Path) -> None:
    project = make_project(tmp_path, tasks=("reacher-easy",))
    manifest = project / "reproductions/phase3/embedded.toml"
    manifest.write_text(manifest.read_text().replace('["reacher-easy"]', '["reacher-easy", "hopper-hop"]'))
    with pytest.raises(CheckpointError, match="no start states of 'hopper-hop'"):
        cohort_of(project)
