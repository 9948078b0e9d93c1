from __future__ import annotations

import os
import pickle
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from official_files import LOGGED, SMALL, pwm, save, shapes, td_mpc2, values

from rephase.engine.official import OfficialModel, read_world_model, sizes_of
from rephase.errors import CheckpointError, InputMismatch

SHAPES = shapes(**SMALL)
MODEL = values(SHAPES)


def read(tmp_path: Path, content: Any) -> OfficialModel:
    """Save something as its authors would and read it; the weights must be those of `MODEL`."""
    digest = save(tmp_path / "a.pt", content)
    found = read_world_model(tmp_path / "a.pt", digest, SHAPES)
    assert found.tensors.keys() == MODEL.keys()
    assert all(torch.equal(found.tensors[name], value) for name, value in MODEL.items())
    assert os.listdir(tmp_path) == ["a.pt"]  # nothing that could be changed unnoticed is left beside it
    return found


def refused(tmp_path: Path, content: Any, of: dict[str, tuple[int, ...]] = SHAPES) -> str:
    digest = save(tmp_path / "a.pt", content)
    with pytest.raises(CheckpointError) as caught:
        read_world_model(tmp_path / "a.pt", digest, of)
    return str(caught.value).removeprefix(f"{tmp_path}/a.pt: ")


@pytest.mark.parametrize("newer", [False, True], ids=["older", "newer"])
def test_td_mpc2_layout_keeps_the_world_model_and_nothing_else(tmp_path: Path, newer: bool) -> None:
    found = read(tmp_path, td_mpc2(MODEL, SMALL, newer=newer))
    assert found.layout == "td-mpc2"
    assert found.parameters == sum(value.numel() for value in MODEL.values())
    older = ["_Qs", "_action_masks", "_pi", "_target_Qs"]
    later = ["_Qs", "_action_masks", "_detach_Qs_params", "_pi", "_target_Qs_params", "log_std_dif", "log_std_min"]
    assert list(found.dropped) == (later if newer else older)


@pytest.mark.parametrize("flow", [False, True], ids=["mlp", "flow"])
def test_pwm_layout_keeps_the_world_model(tmp_path: Path, flow: bool) -> None:
    of = shapes(**SMALL, flow=flow)
    content = pwm(values(of))
    found = read_world_model(tmp_path / "a.pt", save(tmp_path / "a.pt", content), of)
    assert found.layout == "pwm"
    assert found.dropped == (
        "actor",
        "actor_opt",
        "critic",
        "critic_opt",
        "obs_rms",
        "ret_rms",
        "rew_rms",
        "world_model_opt",
    )
    assert torch.equal(found.tensors["_task_emb.weight"], content["world_model"]["_task_emb.weight"])


class Settings(dict):  # type: ignore[type-arg]
    """Stands for whatever class the settings of a run had."""


def inert() -> dict[str, Any]:
    """What the log's own fork and other people put beside weights, and weirder things."""
    module = ModuleType("nobody_has_this")
    Settings.__module__, Settings.__qualname__ = "nobody_has_this", "Settings"
    module.Settings = Settings  # type: ignore[attr-defined]
    sys.modules["nobody_has_this"] = module
    cfg = Settings(env="dflex", alg={"lr": 5e-4, 3: None})
    cfg.node = deque([1, 2])  # type: ignore[attr-defined]
    return {
        "iter_count": 10_000,
        "step_count": np.int64(81_920_000),
        "best_reward": np.float64(982.3),
        "cfg": cfg,
        "history": np.arange(6, dtype=np.float32).reshape(2, 3),
        "dtypes": [np.dtype("f8"), torch.float32, torch.bfloat16],
        "counters": [Counter("abca"), defaultdict(list, a=[1]), OrderedDict(b=2)],
        "nested": {1: {(2, 3): {frozenset({4}), 5.5, None}}, False: b"bytes", 2**70: complex(1, 2)},
        "sparse": torch.eye(3).to_sparse(),
        "meta": torch.empty(2, 2, device="meta"),
        "half": torch.ones(3, dtype=torch.bfloat16),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "generator": torch.get_rng_state(),
        "device": torch.device("cuda:0"),
        7: "a key that is no text",
    }


@pytest.mark.parametrize("layout", ["td-mpc2", "pwm"])
def test_whatever_stands_beside_the_weights_is_read_past(tmp_path: Path, layout: str) -> None:
    content = {**(td_mpc2(MODEL, SMALL) if layout == "td-mpc2" else pwm(MODEL)), **inert()}
    found = read(tmp_path, content)
    assert found.layout == layout
    assert {"iter_count", "step_count", "best_reward", "cfg", "sparse", "7"} <= set(found.dropped)
    assert "nobody_has_this" in sys.modules
    del sys.modules["nobody_has_this"]
    read_world_model(tmp_path / "a.pt", save(tmp_path / "a.pt", td_mpc2(MODEL, SMALL)), SHAPES)


def test_no_name_of_a_file_is_imported(tmp_path: Path) -> None:
    digest = save(tmp_path / "a.pt", {**pwm(MODEL), **inert()})
    del sys.modules["nobody_has_this"]
    read_world_model(tmp_path / "a.pt", digest, SHAPES)
    assert "nobody_has_this" not in sys.modules
    assert "pwm" not in sys.modules


@pytest.mark.parametrize("wrapper", ["_orig_mod.{}", "module.{}", "module._orig_mod.{}", "inner"])
@pytest.mark.parametrize("layout", ["td-mpc2", "pwm"])
def test_wrappers_are_taken_off_names(tmp_path: Path, wrapper: str, layout: str) -> None:
    content = td_mpc2(MODEL, SMALL) if layout == "td-mpc2" else pwm(MODEL)
    key = "model" if layout == "td-mpc2" else "world_model"
    if wrapper == "inner":
        renamed = {name.replace(".", "._orig_mod.", 1): value for name, value in content[key].items()}
    else:
        renamed = {wrapper.format(name): value for name, value in content[key].items()}
    assert "_pi" not in read(tmp_path, {**content, key: renamed}).tensors


def test_one_parameter_under_two_names_is_refused(tmp_path: Path) -> None:
    content = td_mpc2(MODEL, SMALL)
    content["model"]["_orig_mod._reward.0.bias"] = torch.zeros(20)
    assert refused(tmp_path, content) == (
        "holds _reward.0.bias twice, once as _orig_mod._reward.0.bias; save the model without its wrapper"
    )


def test_parameters_that_are_views_of_one_storage_are_read_as_what_they_are(tmp_path: Path) -> None:
    """Flattened parameters, as some trainers keep them: one storage, and a transposed view in it."""
    flat = torch.cat([value.flatten() for value in MODEL.values()])
    first, views = 0, {}
    for name, value in MODEL.items():
        views[name] = flat[first : first + value.numel()].view(value.shape)
        first += value.numel()
    views["_reward.0.weight"] = MODEL["_reward.0.weight"].t().contiguous().t()
    read(tmp_path, {"model": views})


def test_nothing_is_read_before_the_digest_was_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = save(tmp_path / "a.pt", td_mpc2(MODEL, SMALL))
    pinned = "sha256:" + "0" * 64
    monkeypatch.setattr("rephase.engine.archive._Reader", None)
    with pytest.raises(InputMismatch) as caught:
        read_world_model(tmp_path / "a.pt", pinned, SHAPES)
    assert str(caught.value) == (
        f"{tmp_path}/a.pt: is {digest}, expected {pinned}; "
        "fetch it again, or pin the digest it has if that is the file you mean"
    )


def test_a_checkpoint_of_another_size_says_which_it_is(tmp_path: Path) -> None:
    assert refused(tmp_path, td_mpc2(MODEL, SMALL), shapes(**LOGGED)) == (
        "holds an MLP world model of 0.01M parameters (observation 24, action 6, latent 16, "
        "encoder 24 x 1, hidden 20 x 2, 101 bins, 30 tasks x 8), expected an MLP world model of 18.98M parameters, "
        "TD-MPC2's 48M (observation 24, action 6, latent 768, encoder 1792 x 3, hidden 1792 x 2, 101 bins, "
        "30 tasks x 64); _dynamics.0.bias is (20), expected (1792), _dynamics.0.ln.bias is (20), expected (1792), "
        "_dynamics.0.ln.weight is (20), expected (1792) and 35 more; give the checkpoint of that size, "
        "or configure the world model after the file"
    )


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
        (lambda model: model.update({"_reward.0.bias": 3}), "_reward.0.bias is a int, expected a tensor"),
        (
            lambda model: model.update({"_reward.0.bias": torch.zeros(20, device="meta")}),
            "_reward.0.bias is a torch._utils._rebuild_meta_tensor_no_storage, expected a tensor",
        ),
    ],
)
def test_a_wrong_parameter_is_named(tmp_path: Path, change: Any, problem: str) -> None:
    model = values(SHAPES)
    change(model)
    assert problem in refused(tmp_path, td_mpc2(model, SMALL))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"agent": {}}, "holds agent, expected a table with 'model' (TD-MPC2) or 'world_model' (PWM)"),
        ([1], "holds a list, expected a table with 'model' (TD-MPC2) or 'world_model' (PWM)"),
        ({"model": 3, 4: 5}, "holds 4, model, expected a table with 'model' (TD-MPC2) or 'world_model' (PWM)"),
    ],
)
def test_another_layout_is_refused(tmp_path: Path, content: Any, problem: str) -> None:
    assert refused(tmp_path, content).startswith(f"{problem}; ")


class Attack:
    """Pickles as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> Any:
        return self._call


def test_code_in_a_checkpoint_is_refused_by_name(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    for function, named in ((os.system, "posix.system"), (eval, "builtins.eval")):
        said = refused(tmp_path, {**pwm(MODEL), "actor_opt": Attack(function, f"__import__('os').mkdir('{marker}')")})
        assert named.replace("builtins", "__builtin__") in said or named in said
        assert said.endswith("which no checkpoint needs and an attack would; nothing was run; do not use this file")
    assert not marker.exists()


def test_calls_that_a_file_asks_for_are_not_made(tmp_path: Path) -> None:
    """A harmless name becomes a call of the file's own making: it is taken in and nothing happens."""
    marker = tmp_path / "a" / "touched"
    marker.parent.mkdir()
    content = {**pwm(MODEL), "cfg": Attack(Path.touch, marker), "n": Attack(getattr, "text", "upper")}
    digest = save(marker.parent.parent / "a.pt", content)
    read_world_model(tmp_path / "a.pt", digest, SHAPES)
    assert not marker.exists()


@pytest.mark.parametrize("fault", ["pickle", "record", "zip"])
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "a.pt"
    save(path, td_mpc2(MODEL, SMALL))
    data = bytearray(path.read_bytes())
    at = {"pickle": data.index(b"_reward"), "record": data.index(MODEL["_reward.0.weight"].numpy().tobytes())}
    if fault == "zip":
        data = data[:-2000]
    else:
        data[at[fault]] ^= 64
    path.write_bytes(data)
    from rephase.manifest.hashing import file_digest

    with pytest.raises(CheckpointError, match=r"is (damaged: .*; fetch it again|truncated, or no file of torch's)"):
        read_world_model(path, file_digest(path), SHAPES)


def test_the_reader_is_the_standard_one_with_every_name_answered() -> None:
    from rephase.engine.archive import Inert, _Reader

    class Reader(_Reader):
        def __init__(self, data: bytes) -> None:
            import io

            super().__init__(io.BytesIO(data), Path("a.pt"), "a")

    assert isinstance(Reader(pickle.dumps(np.float32(3.0))).load(), Inert)
    assert Reader(pickle.dumps({"a": [1, (2.5, None)]})).load() == {"a": [1, (2.5, None)]}
