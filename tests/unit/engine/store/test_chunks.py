from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
import torch
from chunk_files import ROWS, SPACES, fields, write

from rephase.engine.store import EpisodeStore, import_chunks
from rephase.engine.store.chunks import open_chunk, spans, tasks_of
from rephase.engine.unpickling import verified
from rephase.errors import DatasetError, InputMismatch
from rephase.manifest.hashing import file_digest

FIXTURES = Path(__file__).parents[3] / "data" / "dataset"
WRITTEN = sorted(FIXTURES.glob("tensordict-*.pt"))
REMEDY = "give a chunk of the MT30 dataset"


def test_there_is_a_file_of_each_tensordict_era() -> None:
    assert [path.stem.removeprefix("tensordict-") for path in WRITTEN] == [
        "0.1.2",
        "0.15.3",
        "0.2.0",
        "0.2.1",
        "0.3.2",
        "0.5.0",
        "0.8.3",
    ]


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_files_of_every_tensordict_are_read_without_it(path: Path) -> None:
    chunk = open_chunk(verified(path, file_digest(path)), SPACES, ROWS)
    generator = torch.Generator().manual_seed(7)
    assert torch.equal(chunk.observation, torch.randn(4, ROWS, 24, generator=generator))
    assert torch.equal(chunk.action[:, 1:], (torch.rand(4, ROWS, 6, generator=generator) * 2 - 1)[:, 1:])
    assert torch.equal(chunk.reward[:, 1:], torch.rand(4, ROWS, generator=generator)[:, 1:])
    assert chunk.task[:, 0].tolist() == [4, 0, 4, 3]
    assert chunk.action[0, 0].isnan().all()
    assert "tensordict" not in sys.modules


def test_a_small_chunk_of_the_published_layout_is_imported_whole(tmp_path: Path) -> None:
    """Its episodes are those its README counts, and row 0 of actions and rewards is nowhere in the store."""
    path = WRITTEN[0].with_name("chunk_0.small.pt")
    index = import_chunks([verified(path, file_digest(path))], tmp_path / "store", SPACES, 501)
    assert {entry.task: entry.episodes for entry in index.tasks} == {4: 6, 0: 5, 3: 4, 9: 2}
    assert index.tasks[0].observations.shape == (5, 501, 24)
    assert index.tasks[0].actions.shape == (5, 500, 6)
    drawn = EpisodeStore(tmp_path / "store").slices(4, 64, 16, torch.Generator().manual_seed(0))
    assert all(bool(part.isfinite().all()) for part in (drawn.observations, drawn.actions, drawn.rewards))


def test_a_plain_dictionary_is_read_too(tmp_path: Path) -> None:
    file = write(tmp_path / "chunk.pt", fields([3, 4]))
    assert tasks_of(file, SPACES, ROWS).tolist() == [3, 4]


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.999])
def test_a_truncated_file_is_one_clear_error(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "chunk.pt"
    whole = WRITTEN[0].read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(DatasetError) as caught:
        open_chunk(verified(path, file_digest(path)), SPACES, ROWS)
    assert str(caught.value) == (
        f"{path}: is truncated, or no file of torch's zip format; "
        "fetch it again; a file of torch < 1.6 must be saved again by a newer torch"
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"reward": None}, "holds no reward but action, obs, task"),
        ({"action": torch.zeros(2, ROWS, 4)}, "action has shape (2, 5, 4), expected (episodes, 5, 6)"),
        ({"obs": torch.zeros(3, ROWS, 24)}, "obs has shape (3, 5, 24), expected (episodes, 5, 24)"),
        ({"reward": torch.zeros(2, ROWS, 1)}, "reward has shape (2, 5, 1), expected (episodes, 5)"),
        ({"obs": torch.zeros(2, ROWS, 24).double()}, "obs is float64, expected float32"),
        ({"task": torch.zeros(2, ROWS)}, "task is float32, expected int32"),
        ({"task": torch.tensor([[3] * ROWS, [37] * ROWS])}, "episode 1 is of task 37, expected 0 to 29"),
        ({"task": torch.tensor([[-1] * ROWS, [2] * ROWS])}, "episode 0 is of task -1, expected 0 to 29"),
        ({"task": torch.tensor([[3] * ROWS, [3, 3, 3, 4, 3]])}, "episode 1 changes its task on the way"),
    ],
)
def test_a_misshapen_chunk_is_one_clear_error(tmp_path: Path, change: dict[str, object], problem: str) -> None:
    content = {name: value for name, value in {**fields([3, 4]), **change}.items() if value is not None}
    file = write(tmp_path / "chunk.pt", content)
    with pytest.raises(DatasetError) as caught:
        tasks_of(file, SPACES, ROWS)
    assert str(caught.value) == f"{file.path}: {problem}; {REMEDY}"


@pytest.mark.parametrize(("content", "kind"), [(torch.zeros(3), "Tensor"), ([1, 2], "list")])
def test_what_is_no_table_is_refused(tmp_path: Path, content: object, kind: str) -> None:
    file = write(tmp_path / "chunk.pt", content)
    with pytest.raises(DatasetError) as caught:
        open_chunk(file, SPACES, ROWS)
    assert str(caught.value) == f"{file.path}: holds a {kind}, expected a table of tensors; {REMEDY}"


def test_no_code_of_a_file_is_run(tmp_path: Path) -> None:
    marker = tmp_path / "executed"

    class Attack:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {marker}",)

    file = write(tmp_path / "chunk.pt", {**fields([1]), "extra": Attack()})
    with pytest.raises(DatasetError) as caught:
        open_chunk(file, SPACES, ROWS)
    assert str(caught.value) == (
        f"{file.path}: names posix.system, and files are read as data, never as code; "
        "export its tensors as a plain dictionary"
    )
    assert not marker.exists()


def test_a_file_swapped_after_its_digest_was_checked_is_not_read(tmp_path: Path) -> None:
    file = write(tmp_path / "chunk.pt", fields([1]))
    other = write(tmp_path / "other.pt", fields([2]))
    shutil.move(other.path, file.path)
    with pytest.raises(InputMismatch) as caught:
        open_chunk(file, SPACES, ROWS)
    assert str(caught.value) == f"{file.path}: changed after its digest was checked; run the command again"


def test_another_file_than_the_pinned_one_is_never_opened(tmp_path: Path) -> None:
    path = tmp_path / "chunk.pt"
    torch.save(fields([1]), path)
    with pytest.raises(InputMismatch, match=r"is sha256:\w{64}, expected sha256:0{64}; fetch it again"):
        verified(path, "sha256:" + "0" * 64)
    with pytest.raises(InputMismatch, match="no such file; 'rephase fetch' gets the official inputs"):
        verified(tmp_path / "absent.pt", "sha256:" + "0" * 64)


def test_spans_cover_every_episode_once() -> None:
    covered = [episode for span in spans(10, 16 << 20) for episode in range(span.start, span.stop)]
    assert covered == list(range(10))
    assert [span.stop - span.start for span in spans(10, 16 << 20)] == [4, 4, 2]
    assert len(list(spans(3, 1 << 40))) == 3
