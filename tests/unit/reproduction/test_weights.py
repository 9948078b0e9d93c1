from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rephase.engine.checkpoints import write_tensors
from rephase.manifest.hashing import file_digest
from rephase.reproduction.weights import world_model_tensors

MODEL = {"_reward.0.weight": torch.arange(6.0).reshape(2, 3), "_encoder.0.weight": torch.ones(2, 2)}
SHAPES = {name: tuple(value.shape) for name, value in MODEL.items()}


def test_a_safetensors_file_is_read_as_it_is(tmp_path: Path) -> None:
    digest = write_tensors(tmp_path / "model.safetensors", MODEL)
    read = world_model_tensors(tmp_path / "model.safetensors", digest, SHAPES)
    assert all(torch.equal(read[name], value) for name, value in MODEL.items())


@pytest.mark.parametrize("writable", [True, False])
def test_a_published_checkpoint_is_converted_beside_itself_where_that_is_possible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writable: bool
) -> None:
    path = tmp_path / "model.pt"
    state = {"_reward.0.weight": MODEL["_reward.0.weight"], "_encoder.state.0.weight": MODEL["_encoder.0.weight"]}
    torch.save({"model": {**state, "_pi.0.weight": torch.ones(1)}}, path)
    if not writable:
        # A folder mounted read-only: root may write anywhere else, so permissions would not show it.
        def write(target: Path, *arguments: object) -> str:
            if target.parent == tmp_path:
                raise OSError(30, "Read-only file system")
            return write_tensors(target, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr("rephase.engine.official.conversion.write_tensors", write)
    read = world_model_tensors(path, file_digest(path), SHAPES)
    assert all(torch.equal(read[name], value) for name, value in MODEL.items())
    assert (tmp_path / "model.safetensors").exists() == writable
