"""A store's index comes back as it was written, and leads nowhere but into its store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rephase.engine.store.index import ArrayFile, SourceChunk, StoreIndex, TaskEntry, read_index, write_index
from rephase.errors import DatasetError
from rephase.manifest.hashing import file_digest


def index_of(file: str = "task-0/rewards.npy") -> StoreIndex:
    array = ArrayFile(file=file, sha256="sha256:" + "0" * 64, shape=(3, 5))
    return StoreIndex(
        sources=(SourceChunk(name="chunk_0.pt", sha256="sha256:" + "1" * 64, episodes=3),),
        tasks=(TaskEntry(task=0, by_source=(1, 2), observations=array, actions=array, rewards=array),),
    )


def test_it_comes_back_with_the_digest_of_its_file(tmp_path: Path) -> None:
    write_index(tmp_path, index_of())
    index, digest = read_index(tmp_path)
    assert index == index_of()
    assert index.tasks[0].episodes == 3
    assert digest == file_digest(tmp_path / "index.json")


def test_a_folder_without_one_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no dataset store; 'rephase import-dataset' makes one"):
        read_index(tmp_path)


@pytest.mark.parametrize("file", ["../other/rewards.npy", "/etc/passwd"])
def test_a_path_out_of_the_store_is_refused(file: str, tmp_path: Path) -> None:
    write_index(tmp_path, index_of(file))
    with pytest.raises(DatasetError, match="expected a file of the store"):
        read_index(tmp_path)


def test_a_link_out_of_the_store_is_refused(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    (store / "task-0").symlink_to(tmp_path)
    write_index(store, index_of())
    with pytest.raises(DatasetError, match="expected a file of the store"):
        read_index(store)


@pytest.mark.parametrize(
    ("change", "problem"),
    [({"schema": 7}, "has layout 7, this version reads 1"), ({"sources": 3}, "sources"), ({"more": 1}, "more")],
)
def test_another_layout_is_said(change: dict[str, object], problem: str, tmp_path: Path) -> None:
    write_index(tmp_path, index_of())
    path = tmp_path / "index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DatasetError, match=problem):
        read_index(tmp_path)
    path.write_text("{")
    with pytest.raises(DatasetError, match="is not JSON"):
        read_index(tmp_path)
