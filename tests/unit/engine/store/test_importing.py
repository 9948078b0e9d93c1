from __future__ import annotations

import json
import os
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch
from chunk_files import ROWS, SPACES, fields, write

from rephase.engine.store import EpisodeStore, import_chunks
from rephase.errors import DatasetError
from rephase.manifest.hashing import file_digest

FIRST, SECOND = [3, 4, 3, 0], [4, 3]


def test_every_episode_lands_with_its_task_without_row_0_of_actions(tmp_path: Path) -> None:
    one, two = fields(FIRST), fields(SECOND, seed=1)
    folder = tmp_path / "deep" / "store"
    index = import_chunks([write(tmp_path / "a.pt", one), write(tmp_path / "b.pt", two)], folder, SPACES, ROWS)
    assert [(entry.task, entry.by_source, entry.episodes) for entry in index.tasks] == [
        (0, (1, 0), 1),
        (3, (2, 1), 3),
        (4, (1, 1), 2),
    ]
    assert [(source.name, source.episodes) for source in index.sources] == [("a.pt", 4), ("b.pt", 2)]
    assert index.sources[0].sha256 == file_digest(tmp_path / "a.pt")
    wanted = {name: torch.cat([one[name][[0, 2]], two[name][[1]]]) for name in ("obs", "action", "reward")}
    for kind, array in (
        ("observations", wanted["obs"]),
        ("actions", wanted["action"][:, 1:]),
        ("rewards", wanted["reward"][:, 1:]),
    ):
        assert np.array_equal(np.load(folder / "task-03" / f"{kind}.npy"), array.numpy())
    EpisodeStore(folder).verify()
    assert sorted(os.listdir(folder)) == ["index.json", "task-00", "task-03", "task-04"]
    assert sorted(os.listdir(folder.parent)) == ["store"]


def test_the_same_chunks_make_the_same_store(tmp_path: Path) -> None:
    chunk = write(tmp_path / "a.pt", fields(FIRST))
    for name in ("one", "two"):
        import_chunks([chunk], tmp_path / name, SPACES, ROWS)
    assert EpisodeStore(tmp_path / "one").digest == EpisodeStore(tmp_path / "two").digest


def test_many_spans_make_the_same_store_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chunk = write(tmp_path / "a.pt", fields([3, 4, 3, 0, 4, 4, 3]))
    import_chunks([chunk], tmp_path / "one", SPACES, ROWS)
    monkeypatch.setattr("rephase.engine.store.chunks._SPAN_BYTES", 1300)
    import_chunks([chunk], tmp_path / "many", SPACES, ROWS)
    assert EpisodeStore(tmp_path / "one").digest == EpisodeStore(tmp_path / "many").digest


def test_only_the_wanted_tasks_are_kept(tmp_path: Path) -> None:
    said: list[str] = []
    chunk = write(tmp_path / "a.pt", fields(FIRST))
    import_chunks([chunk], tmp_path / "store", SPACES, ROWS, tasks=(4,), progress=said.append)
    assert EpisodeStore(tmp_path / "store").tasks == (4,)
    assert said == ["reading the tasks of a.pt (1 of 1)", "copying a.pt (1 of 1)"]


def refused(tmp_path: Path, **options: object) -> str:
    """Import one good and perhaps one bad chunk, and say why it was refused; nothing may be left behind."""
    folder = tmp_path / "into" / "store"
    chunks = [write(tmp_path / "a.pt", fields(FIRST))]
    if "second" in options:
        chunks.append(write(tmp_path / "b.pt", options.pop("second")))
    with pytest.raises(DatasetError) as caught:
        import_chunks(chunks, folder, SPACES, ROWS, **options)  # type: ignore[arg-type]
    assert not (tmp_path / "into").exists() or os.listdir(tmp_path / "into") == []
    return str(caught.value)


def test_files_of_the_wrong_tasks_are_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, tasks=(3, 7, 11)) == (
        "a.pt: no episode of task 7, 11; the files hold tasks 0, 3, 4; "
        "give the chunks that hold these tasks, or leave the tasks out"
    )


def test_a_bad_second_chunk_leaves_nothing(tmp_path: Path) -> None:
    content = fields(SECOND)
    content["action"] = content["action"][:, :3]
    message = refused(tmp_path, second=content)
    assert message.startswith(f"{tmp_path}/b.pt: action has shape (2, 3, 6), expected (episodes, 5, 6); ")


@pytest.mark.parametrize("name", ["obs", "action", "reward"])
def test_values_that_are_not_finite_after_row_0_leave_nothing(tmp_path: Path, name: str) -> None:
    content = fields(SECOND)
    content[name][1, 2] = float("inf")
    assert refused(tmp_path, second=content) == (
        f"{tmp_path}/b.pt: {name} of episode 1 is not finite after row 0; "
        "fetch the file again; if its digest is right, report it"
    )


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("rephase.engine.store.importing.shutil.disk_usage", lambda _: usage(0, 0, 3))
    assert refused(tmp_path) == (
        f"{tmp_path}/into: the store needs 0.0 GB, and 0.0 GB are free; "
        "choose a folder on a larger disk, or import fewer tasks"
    )


def test_a_failing_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rephase.engine.store.importing._ArrayWriter.append", full)
    assert refused(tmp_path) == (
        f"{tmp_path}/into/store: cannot be written (No space left on device); "
        "nothing was kept; fix that and import again"
    )


def test_an_interrupted_import_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rephase.engine.store.importing._ArrayWriter.append", interrupted)
    with pytest.raises(KeyboardInterrupt):
        import_chunks([write(tmp_path / "a.pt", fields(FIRST))], tmp_path / "into" / "store", SPACES, ROWS)
    assert os.listdir(tmp_path / "into") == []


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / "mine").touch()
    with pytest.raises(DatasetError) as caught:
        import_chunks([write(tmp_path / "a.pt", fields(FIRST))], folder, SPACES, ROWS)
    assert str(caught.value) == f"{folder}: is there already; choose another folder or remove it"
    assert os.listdir(folder) == ["mine"]


def test_the_index_is_readable_json_with_a_schema(tmp_path: Path) -> None:
    import_chunks([write(tmp_path / "a.pt", fields(FIRST))], tmp_path / "store", SPACES, ROWS)
    data = json.loads((tmp_path / "store" / "index.json").read_text())
    assert data["schema"] == 1
    assert data["tasks"][0]["observations"]["shape"] == [1, ROWS, 24]
