from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from official_files import LOGGED, SMALL, pwm, save, shapes, td_mpc2, values

from rephase.engine.official import convert_checkpoint, read_part, sizes_of
from rephase.errors import CheckpointError, InputMismatch

SHAPES = shapes(**SMALL)
MODEL = values(SHAPES)


@pytest.mark.parametrize("newer", [False, True], ids=["older", "newer"])
def test_td_mpc2_layout_keeps_the_world_model_and_nothing_else(tmp_path: Path, newer: bool) -> None:
    digest = save(tmp_path / "a.pt", td_mpc2(MODEL, SMALL, newer=newer))
    converted = convert_checkpoint(tmp_path / "a.pt", digest, tmp_path / "a.safetensors", SHAPES)
    assert converted.layout == "td-mpc2"
    assert converted.source_digest == digest
    assert converted.parameters == sum(value.numel() for value in MODEL.values())
    dropped = ["_Qs", "_action_masks", "_pi", "_target_Qs"]
    if newer:
        dropped = [
            "_Qs",
            "_action_masks",
            "_detach_Qs_params",
            "_pi",
            "_target_Qs_params",
            "log_std_dif",
            "log_std_min",
        ]
    assert list(converted.dropped) == dropped
    read = read_part(converted.path, converted.digest, shapes=SHAPES)
    assert read.keys() == MODEL.keys()
    assert all(torch.equal(read[name], value) for name, value in MODEL.items())


@pytest.mark.parametrize("flow", [False, True], ids=["mlp", "flow"])
def test_pwm_layout_keeps_parts_and_statistics(tmp_path: Path, flow: bool) -> None:
    of = shapes(**SMALL, flow=flow)
    content = pwm(values(of))
    digest = save(tmp_path / "a.pt", content)
    converted = convert_checkpoint(tmp_path / "a.pt", digest, tmp_path / "a.safetensors", of)
    assert converted.layout == "pwm"
    assert converted.dropped == ("actor_opt", "critic_opt", "world_model_opt")
    assert torch.equal(
        read_part(converted.path, converted.digest)["_task_emb.weight"], content["world_model"]["_task_emb.weight"]
    )
    assert torch.equal(read_part(converted.path, converted.digest, "actor")["weight"], content["actor"]["weight"])
    statistics = read_part(converted.path, converted.digest, "statistics")
    assert {name: float(value) for name, value in statistics.items()} == {
        "ret_rms/mean": 1.5,
        "ret_rms/var": 2.5,
        "ret_rms/count": 8192.0001,
    }


def test_a_checkpoint_is_converted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = save(tmp_path / "a.pt", td_mpc2(MODEL, SMALL))
    target = tmp_path / "a.safetensors"
    first = convert_checkpoint(tmp_path / "a.pt", digest, target, SHAPES)
    elsewhere = convert_checkpoint(tmp_path / "a.pt", digest, tmp_path / "b.safetensors", SHAPES)
    assert elsewhere.digest == first.digest
    monkeypatch.setattr("rephase.engine.official.conversion.read_official", None)
    assert convert_checkpoint(tmp_path / "a.pt", digest, target, SHAPES) == first


def test_a_target_made_from_another_file_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "a.safetensors"
    digests = []
    for seed in range(2):
        digest = save(tmp_path / "a.pt", td_mpc2(values(SHAPES, seed), SMALL))
        digests.append(convert_checkpoint(tmp_path / "a.pt", digest, target, SHAPES).digest)
    assert digests[0] != digests[1]
    target.write_bytes(b"garbage")
    assert convert_checkpoint(tmp_path / "a.pt", digest, target, SHAPES).digest == digests[1]


def test_nothing_is_read_before_the_digest_was_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = save(tmp_path / "a.pt", td_mpc2(MODEL, SMALL))
    pinned = "sha256:" + "0" * 64
    monkeypatch.setattr("rephase.engine.unpickling.torch.load", None)
    with pytest.raises(InputMismatch) as caught:
        convert_checkpoint(tmp_path / "a.pt", pinned, tmp_path / "a.safetensors", SHAPES)
    assert str(caught.value) == (
        f"{tmp_path}/a.pt: is {digest}, expected {pinned}; "
        "fetch it again, or pin the digest it has if that is the file you mean"
    )


def test_a_checkpoint_of_another_size_says_which_it_is(tmp_path: Path) -> None:
    digest = save(tmp_path / "a.pt", td_mpc2(MODEL, SMALL))
    with pytest.raises(CheckpointError) as caught:
        convert_checkpoint(tmp_path / "a.pt", digest, tmp_path / "a.safetensors", shapes(**LOGGED))
    assert str(caught.value) == (
        f"{tmp_path}/a.pt: holds an MLP world model of 0.01M parameters (observation 24, action 6, latent 16, "
        "encoder 24 x 1, hidden 20 x 2, 101 bins, 30 tasks x 8), expected an MLP world model of 18.98M parameters, "
        "TD-MPC2's 48M (observation 24, action 6, latent 768, encoder 1792 x 3, hidden 1792 x 2, 101 bins, "
        "30 tasks x 64); _dynamics.0.bias is (20), expected (1792), _dynamics.0.ln.bias is (20), expected (1792), "
        "_dynamics.0.ln.weight is (20), expected (1792) and 35 more; give the checkpoint of that size, "
        "or configure the world model after the file"
    )
    assert os.listdir(tmp_path) == ["a.pt"]


def test_the_sizes_of_the_logged_models() -> None:
    mlp, flow = sizes_of(shapes(**LOGGED)), sizes_of(shapes(**{**LOGGED, "units": (1788, 1788)}, flow=True))
    assert mlp is not None
    assert flow is not None
    assert (mlp.parameters, mlp.published_as) == (18_983_909, "48M")
    assert f"{flow.parameters / 1e6:.2f}" == "18.95"
    assert str(flow).startswith("flow world model of 18.95M parameters (observation 24, action 6, latent 768, ")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda model: model.pop("_reward.0.bias"), "_reward.0.bias is missing"),
        (lambda model: model.update(_extra=torch.ones(1)), "_extra is not expected"),
        (lambda model: model.update({"_reward.0.bias": torch.ones(20).half()}), "_reward.0.bias is float16, expected"),
        (lambda model: model["_reward.0.bias"].fill_(torch.nan), "_reward.0.bias is not finite"),
        (lambda model: model.update({"_reward.0.bias": 3}), "_reward.0.bias is a int, expected what a checkpoint"),
    ],
)
def test_a_wrong_parameter_is_named(tmp_path: Path, change: Any, problem: str) -> None:
    model = values(SHAPES)
    change(model)
    digest = save(tmp_path / "a.pt", td_mpc2(model, SMALL))
    with pytest.raises(CheckpointError) as caught:
        convert_checkpoint(tmp_path / "a.pt", digest, tmp_path / "a.safetensors", SHAPES)
    assert problem in str(caught.value)
    assert os.listdir(tmp_path) == ["a.pt"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"agent": {}}, "holds agent, expected a table with 'model' (TD-MPC2) or 'world_model' (PWM)"),
        ([1], "holds a list, expected a table with 'model' (TD-MPC2) or 'world_model' (PWM)"),
        ({**pwm(MODEL), "notes": 3}, "holds notes, which no known checkpoint has"),
        ({**pwm(MODEL), "ret_rms": 3}, "ret_rms is a int, expected what a checkpoint of PWM or TD-MPC2 has there"),
        ({**pwm(MODEL), "critic": 3}, "critic is a int, expected what a checkpoint of PWM or TD-MPC2 has there"),
    ],
)
def test_another_layout_is_refused(tmp_path: Path, content: Any, problem: str) -> None:
    digest = save(tmp_path / "a.pt", content)
    with pytest.raises(CheckpointError) as caught:
        convert_checkpoint(tmp_path / "a.pt", digest, tmp_path / "a.safetensors", SHAPES)
    assert str(caught.value).startswith(f"{tmp_path}/a.pt: {problem}; ")


def test_code_in_a_checkpoint_is_refused_by_name(tmp_path: Path) -> None:
    marker = tmp_path / "executed"

    class Attack:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {marker}",)

    digest = save(tmp_path / "a.pt", {**pwm(MODEL), "actor_opt": Attack()})
    with pytest.raises(CheckpointError) as caught:
        convert_checkpoint(tmp_path / "a.pt", digest, tmp_path / "a.safetensors", SHAPES)
    assert str(caught.value) == (
        f"{tmp_path}/a.pt: names posix.system, and files are read as data, never as code; "
        "export its tensors as a plain dictionary"
    )
    assert not marker.exists()


def test_a_part_that_is_not_there_is_named(tmp_path: Path) -> None:
    digest = save(tmp_path / "a.pt", td_mpc2(MODEL, SMALL))
    converted = convert_checkpoint(tmp_path / "a.pt", digest, tmp_path / "a.safetensors", SHAPES)
    with pytest.raises(CheckpointError) as caught:
        read_part(converted.path, converted.digest, "actor")
    assert str(caught.value) == (
        f"{converted.path}: holds no part 'actor' but world_model; convert a checkpoint that holds it"
    )
