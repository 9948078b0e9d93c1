"""Parts are built with the sizes and numbers that a reference file states."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rephase.plugins.registry import discover
from rephase.vectors.builders import Builder, is_flow
from rephase.vectors.file import ReferenceFile

REFERENCE = Path(__file__).parents[2] / "data/reference"


def builder(name: str) -> Builder:
    return Builder(ReferenceFile(REFERENCE / f"{name}.npz", torch.float64), discover())


@pytest.mark.parametrize(("name", "kind"), [("wm_flow", "FlowWorldModel"), ("update_mlpwm_mlppi", "MLPWorldModel")])
def test_a_world_model_has_the_files_parameters(name: str, kind: str) -> None:
    made = builder(name)
    model = made.world_model()
    assert type(model).__name__ == kind
    stated = made.file.parameters("wm")
    assert is_flow(stated) == (kind == "FlowWorldModel")
    assert all(torch.equal(model.get_parameter(key), value) for key, value in stated.items())


@pytest.mark.parametrize(("name", "kind"), [("actor_mlp", "GaussianPolicy"), ("actor_flow", "FlowPolicy")])
def test_a_policy_is_the_kind_its_parameters_are_of(name: str, kind: str) -> None:
    made = builder(name)
    policy = made.policy()
    assert type(policy).__name__ == kind
    assert policy.noise_shape(2) == (2, made.file.setting("act_dim"))


def test_the_algorithm_is_what_the_file_states_with_changes_on_top() -> None:
    made = builder("update_mlpwm_mlppi")
    algorithm = made.algorithm(normalise_returns=False)
    assert algorithm.horizon == made.file.setting("horizon")
    assert algorithm.gamma == made.file.number("gamma")
    assert not algorithm.normalise_returns


def test_integrators_are_known_by_what_is_installed() -> None:
    made = builder("wm_flow")
    assert made.knows("heun")
    assert made.knows("")
    assert not made.knows("no-such-method")
