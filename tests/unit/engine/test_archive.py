"""Torch's files are read past: tensors are described, and no name in them is ever imported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from rephase.engine.archive import Inert, StoredTensor, read_archive
from rephase.engine.unpickling import VerifiedFile, verified
from rephase.errors import CheckpointError, InputMismatch
from rephase.manifest.hashing import file_digest


def saved(path: Path, content: Any) -> VerifiedFile:
    torch.save(content, path)
    return verified(path, file_digest(path))


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(6.0).reshape(2, 3),
        torch.arange(6.0).reshape(2, 3).T,
        torch.arange(10, dtype=torch.int64)[3:7:2],
        torch.tensor(2.5, dtype=torch.bfloat16),
        torch.zeros(0, 4),
        torch.nn.Parameter(torch.ones(3, dtype=torch.float64)),
    ],
    ids=["plain", "transposed", "strided", "scalar", "empty", "parameter"],
)
def test_a_tensor_is_read_when_it_is_asked_for(tensor: torch.Tensor, tmp_path: Path) -> None:
    (stored,) = read_archive(saved(tmp_path / "file.pt", [tensor]))
    assert isinstance(stored, StoredTensor)
    read = stored.read()
    assert read.dtype == tensor.dtype
    assert read.shape == tensor.shape
    assert torch.equal(read, tensor.detach())


class Settings:
    def __init__(self) -> None:
        self.rate = 3


def test_what_is_no_tensor_stands_there_inert(tmp_path: Path) -> None:
    read = read_archive(saved(tmp_path / "file.pt", {"rate": 0.5, "settings": Settings(), "names": ["a"]}))
    assert read["rate"] == 0.5
    assert read["names"] == ["a"]
    assert isinstance(read["settings"], Inert)
    assert str(read["settings"]).endswith("Settings")


class Attack:
    def __reduce__(self) -> Any:
        return eval, ("1 + 1",)


def test_code_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"names __builtin__\.eval, which no checkpoint needs"):
        read_archive(saved(tmp_path / "file.pt", {"model": Attack()}))


def test_a_file_that_changed_or_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.pt"
    file = saved(path, {})
    path.write_bytes(b"something else")
    with pytest.raises(InputMismatch, match="changed after its digest was checked"):
        read_archive(file)
    with pytest.raises(CheckpointError, match="no file of torch's zip format"):
        read_archive(verified(path, file_digest(path)))
