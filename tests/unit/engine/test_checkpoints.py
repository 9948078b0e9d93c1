from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rephase.engine.checkpoints import file_digest, read_metadata, read_tensors, write_tensors
from rephase.errors import CheckpointError, InputMismatch

TENSORS = {"weight": torch.arange(6.0).reshape(2, 3), "steps": torch.tensor(7), "mask": torch.tensor([True, False])}
METADATA = {"epoch": "3", "a": "first", "z": "last", "m": "middle"}


def test_tensors_and_metadata_come_back(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "part.safetensors"
    digest = write_tensors(path, TENSORS, METADATA)
    tensors, metadata = read_tensors(path, digest)
    assert metadata == METADATA == read_metadata(path)
    assert list(tensors) == sorted(TENSORS)
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)
    assert digest == file_digest(path)
    assert os.listdir(path.parent) == ["part.safetensors"]


@pytest.mark.slow
def test_equal_contents_are_equal_files_in_every_process(tmp_path: Path) -> None:
    program = (
        "import sys, torch; from pathlib import Path; from rephase.engine.checkpoints import write_tensors\n"
        "names = ['m', 'z', 'a', 'epoch']\n"
        "print(write_tensors(Path(sys.argv[1]), {n: torch.ones(3) for n in names}, {n: n for n in names}))"
    )
    written = {
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / f"{run}.safetensors")],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": str(run)},
        ).stdout
        for run in range(2)
    }
    assert len(written) == 1


def test_views_of_one_storage_are_written_apart(tmp_path: Path) -> None:
    base = torch.arange(12.0).reshape(3, 4)
    path = tmp_path / "views.safetensors"
    write_tensors(path, {"base": base, "again": base, "row": base[1], "turned": base.T})
    tensors, metadata = read_tensors(path)
    assert metadata == {}
    assert torch.equal(tensors["again"], base)
    assert torch.equal(tensors["row"], base[1])
    assert torch.equal(tensors["turned"], base.T)
    assert path.stat().st_size < 12 * 4 * 4 + 500


def test_another_file_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "part.safetensors"
    digest = write_tensors(path, TENSORS)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    found = file_digest(path)
    with pytest.raises(InputMismatch) as caught:
        read_tensors(path, digest)
    assert str(caught.value) == f"{path}: is {found}, expected {digest}; fetch it again"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "absent.safetensors"
    for read in (read_tensors, read_metadata):
        with pytest.raises(InputMismatch) as caught:
            read(path)
        assert str(caught.value) == f"{path}: no such file"


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "part.safetensors"
    write_tensors(path, TENSORS)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        read_tensors(path)


def test_others_may_read_it_as_the_umask_says(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    write_tensors(tmp_path / "part.safetensors", TENSORS)
    assert (tmp_path / "part.safetensors").stat().st_mode == plain.stat().st_mode


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "part.safetensors"
    digest = write_tensors(path, TENSORS)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rephase.engine.checkpoints.save_file", full)
    with pytest.raises(OSError, match="No space left"):
        write_tensors(path, {"weight": torch.zeros(1)})
    assert file_digest(path) == digest
    assert os.listdir(tmp_path) == ["part.safetensors"]
