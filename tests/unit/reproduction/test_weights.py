from __future__ import annotations

from pathlib import Path

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


def test_a_published_checkpoint_is_read_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    state = {"_reward.0.weight": MODEL["_reward.0.weight"], "_encoder.state.0.weight": MODEL["_encoder.0.weight"]}
    torch.save({"model": {**state, "_pi.0.weight": torch.ones(1)}}, path)
    # What an earlier version converted, and somebody changed since: nobody looks at it.
    write_tensors(tmp_path / "model.safetensors", {name: -value for name, value in MODEL.items()})
    read = world_model_tensors(path, file_digest(path), SHAPES)
    assert all(torch.equal(read[name], value) for name, value in MODEL.items())
