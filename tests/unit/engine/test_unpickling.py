"""Files of torch are read after their digest was checked, and as data only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from rephase.engine.unpickling import load, verified
from rephase.errors import DatasetError, InputMismatch
from rephase.manifest.hashing import file_digest


class Chunk:
    def __init__(self, rows: list[int]) -> None:
        self.rows = rows


class Anything:
    """Stands in for a class of somebody else's."""

    def __init__(self, *_: Any) -> None:
        self.taken = True


def test_another_file_than_was_pinned_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.pt"
    with pytest.raises(InputMismatch, match="no such file"):
        verified(path, "sha256:" + "0" * 64)
    torch.save({}, path)
    with pytest.raises(InputMismatch, match="expected sha256:0000"):
        verified(path, "sha256:" + "0" * 64)
    assert verified(path, file_digest(path)).path == path


def test_tensors_come_back_and_a_change_since_the_check_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "file.pt"
    torch.save({"rows": torch.arange(4)}, path)
    file = verified(path, file_digest(path))
    assert torch.equal(load(file, (), DatasetError)["rows"], torch.arange(4))
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(InputMismatch, match="changed after its digest was checked"):
        load(file, (), DatasetError)


def test_a_name_is_refused_unless_something_harmless_answers_to_it(tmp_path: Path) -> None:
    path = tmp_path / "file.pt"
    torch.save({"chunk": Chunk([1])}, path)
    file, name = verified(path, file_digest(path)), f"{Chunk.__module__}.Chunk"
    with pytest.raises(DatasetError, match=f"names {name}, and files are read as data"):
        load(file, (), DatasetError)
    assert type(load(file, [(Anything, name)], DatasetError)["chunk"]) is Anything


def test_a_truncated_file_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "file.pt"
    torch.save({"rows": torch.arange(4)}, path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DatasetError, match="is truncated"):
        load(verified(path, file_digest(path)), (), DatasetError)
