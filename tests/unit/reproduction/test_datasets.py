from __future__ import annotations

from pathlib import Path

import pytest
import torch
from attrs import evolve
from fetching_phases import COMMIT, hub_input, phase

from rephase.cli.main import main
from rephase.engine.checkpoints import read_tensors
from rephase.engine.cohort import Member
from rephase.environments import TaskSet, find_task
from rephase.errors import DatasetError, InputMismatch, UsageError
from rephase.manifest import Phase
from rephase.manifest.algorithm import Variant
from rephase.manifest.hashing import file_digest
from rephase.manifest.pins import pin_of
from rephase.manifest.schema import PENDING, Input
from rephase.reproduction.datasets import import_dataset, pin_made, pinned_chunks, write_start_states
from rephase.reproduction.loading import load_start_states, load_transitions

ROWS = 501
NONE = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def chunk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chunks") / "chunk_0.pt"
    task = torch.tensor([0, 3, 4, 0], dtype=torch.int32)[:, None].expand(-1, ROWS).contiguous()
    label = torch.arange(4.0)[:, None] * 1000 + torch.arange(ROWS)
    obs = torch.zeros(4, ROWS, 24)
    obs[:, :, 0] = label
    torch.save({"obs": obs, "action": torch.zeros(4, ROWS, 6), "reward": label, "task": task}, path)
    return path


def test_start_states_are_what_training_reads(chunk: Path, tmp_path: Path) -> None:
    said: list[str] = []
    store = import_dataset([chunk], tmp_path / "store", ["walker-stand", "cheetah-run"], {}, said.append)
    assert said[0] == f"chunk_0.pt: no digest is pinned; recorded {file_digest(chunk)}"
    wanted = {"count": 300, "horizon": 16, "seed": 1, "sampling": "corrected"}
    made = write_start_states(store, tmp_path / "starts.safetensors", [], **wanted)  # type: ignore[arg-type]
    assert (made.tasks, made.count) == (("walker-stand", "cheetah-run"), 300)
    starts = load_start_states(made.path, made.digest, TaskSet((find_task("walker-stand"), find_task("cheetah-run"))))
    labels = starts["walker-stand"][:, 0]
    assert set((labels // 1000).tolist()) == {0.0, 3.0}
    assert set((starts["cheetah-run"][:, 0] // 1000).tolist()) == {1.0}
    assert (labels % 1000).max() <= 484
    again = write_start_states(store, tmp_path / "again.safetensors", ["cheetah-run"], **wanted)  # type: ignore[arg-type]
    assert torch.equal(read_tensors(again.path)[0]["observations"], starts["cheetah-run"])
    assert read_tensors(made.path)[1] == {
        "count": "300",
        "horizon": "16",
        "sampling": "corrected",
        "seed": "1",
        "store": store.digest,
    }


def test_a_chunk_is_pinned_by_manifest_or_lock(chunk: Path, tmp_path: Path) -> None:
    digest = file_digest(chunk)
    one = phase(tmp_path, chunk=evolve(hub_input(digest), filename="mt30/chunk_0.pt"))
    assert pinned_chunks(one, [chunk]) == {chunk: digest}
    pending = phase(tmp_path, chunk=evolve(hub_input(), filename="mt30/chunk_0.pt"))
    with pytest.raises(InputMismatch) as caught:
        pinned_chunks(pending, [chunk])
    assert str(caught.value) == (
        f"{chunk}: phase3-logged pins no input of this name; 'rephase fetch phase3' pins it, or give --sha256"
    )


def four_chunks(folder: Path) -> Phase:
    """A phase made from four tiny chunks of two episodes each, which lie in the folder ``chunks``."""
    inputs = {}
    for number in range(4):
        path = folder / "chunks" / f"chunk_{number}.pt"
        path.parent.mkdir(parents=True, exist_ok=True)
        task = torch.tensor([0, 4], dtype=torch.int32)[:, None].expand(-1, ROWS).contiguous()
        obs = torch.full((2, ROWS, 24), float(number))
        torch.save({"obs": obs, "action": torch.zeros(2, ROWS, 6), "reward": torch.zeros(2, ROWS), "task": task}, path)
        inputs[f"chunk_{number}"] = Input(
            sha256=file_digest(path),
            size=path.stat().st_size,
            path=f"../chunks/{path.name}",
            repo="a/b",
            repo_type="dataset",
            revision=COMMIT,
            filename=f"mt30/{path.name}",
        )
    inputs["store"] = Input(
        sha256=PENDING,
        path="../store/index.json",
        pending_because="made here",
        made_by="rephase import-dataset",
        made_from=tuple(f"chunk-{number}" for number in range(4)),
    )
    return phase(folder / "phase3", **inputs)


def test_all_chunks_of_a_phase_are_needed_and_each_once(tmp_path: Path) -> None:
    one = four_chunks(tmp_path)
    chunks = [tmp_path / "chunks" / f"chunk_{number}.pt" for number in range(4)]
    assert list(pinned_chunks(one, chunks[::-1])) == chunks  # the order given makes no other store
    with pytest.raises(UsageError) as caught:
        pinned_chunks(one, [chunks[0], chunks[1], chunks[3]])
    assert str(caught.value) == (
        "phase3-logged: 3 of 4 chunks are given, chunk-2 is not; "
        "give every chunk of the phase once; 'rephase fetch' gets them"
    )
    with pytest.raises(UsageError, match=r"are both given for the input 'chunk-1'; give every chunk once"):
        pinned_chunks(one, [*chunks, chunks[1]])
    chunks[2].write_bytes(chunks[2].read_bytes() + b"x")
    with pytest.raises(InputMismatch, match=r"'chunk-2' has [0-9,]+ bytes, expected [0-9,]+; it was not"):
        pinned_chunks(one, chunks)


def test_a_chunk_under_two_names_is_refused_without_any_phase(chunk: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.pt"
    copy.write_bytes(chunk.read_bytes())
    with pytest.raises(DatasetError) as caught:
        import_dataset([chunk, copy], tmp_path / "store", [], {}, lambda line: None)
    assert str(caught.value) == (
        f"{copy}: has the same content as {chunk}; its episodes would count twice; give every chunk once"
    )
    assert not (tmp_path / "store").exists()


def test_a_store_is_pinned_once_made_and_tied_to_the_pinned_chunks(tmp_path: Path) -> None:
    one = four_chunks(tmp_path)
    chunks = pinned_chunks(one, [tmp_path / "chunks" / f"chunk_{number}.pt" for number in range(4)])
    digests = {str(path): digest for path, digest in chunks.items()}
    store = import_dataset(list(chunks), tmp_path / "store", [], digests, lambda line: None)
    sources = {path.name: digest for path, digest in chunks.items()}
    said: list[str] = []
    assert pin_of(one, "store") is None
    pin_made(one, tmp_path / "store" / "index.json", sources, said.append)
    pin_made(one, tmp_path / "store" / "index.json", sources, said.append)
    assert said == [
        f"PINNED store: {store.digest}, made from chunk_0.pt, chunk_1.pt, chunk_2.pt, chunk_3.pt; "
        f"now in {one.file.parent / 'logged.lock.json'}"
    ]
    pin = pin_of(one, "store")
    assert pin is not None
    assert pin.sha256 == store.digest
    assert pin.origin.startswith("made here from chunk_0.pt, chunk_1.pt, chunk_2.pt, chunk_3.pt (")

    path, members = tmp_path / "store" / "index.json", [Member(0, 1)]
    pinned = {f"chunk-{number}": digest for number, digest in enumerate(chunks.values())}
    load_transitions({path: store.digest}, members, Variant.AS_LOGGED, 16, {path: pinned})
    with pytest.raises(InputMismatch) as caught:
        load_transitions({path: store.digest}, members, Variant.AS_LOGGED, 16, {path: pinned | {"chunk-3": NONE}})
    assert str(caught.value) == (
        f"{path}: was imported not from chunk-3 but from another chunk_3.pt; "
        "the phase pins 4 files and uses each once; move the store away and import the pinned files again"
    )


@pytest.mark.parametrize(("array", "whole"), [("observations", False), ("observations", True), ("rewards", True)])
def test_one_flipped_bit_in_a_store_is_refused_by_the_runs_that_read_it(
    chunk: Path, tmp_path: Path, array: str, whole: bool
) -> None:
    store = import_dataset([chunk], tmp_path / "store", [], {}, lambda line: None)
    index, flipped = tmp_path / "store" / "index.json", tmp_path / "store" / "task-00" / f"{array}.npy"
    data = bytearray(flipped.read_bytes())
    data[-1] ^= 1
    flipped.write_bytes(data)
    with pytest.raises(DatasetError, match=f"{array}.npy: is sha256:.*; it was changed after it was imported"):
        load_transitions({index: store.digest}, [Member(0, 1)], Variant.CORRECTED, 16, whole=whole)
    load_transitions({index: store.digest}, [Member(3, 1)], Variant.CORRECTED, 16, whole=whole)
    if array == "rewards":  # nothing that draws only start states ever reads them
        load_transitions({index: store.digest}, [Member(0, 1)], Variant.CORRECTED, 16, whole=False)


def test_the_command_imports_and_draws(chunk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, starts = tmp_path / "store", tmp_path / "starts.safetensors"
    words = ["import-dataset", str(chunk), "--into", str(store), "--sha256", file_digest(chunk)]
    assert main([*words, "--start-states", str(starts), "--count", "10"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["Task", "Index", "Episodes", "By", "chunk"],
        ["walker-stand", "0", "2", "2"],
        ["cheetah-run", "3", "1", "1"],
        ["reacher-easy", "4", "1", "1"],
    ]
    assert lines[4].startswith(f"4 episodes in 1 chunk, kept of 3 tasks: 1 to 2 a task; {store}: sha256:")
    assert lines[5] == f"{starts}: 10 start observations of 3 tasks, {file_digest(starts)}"
    assert main(words) == 3
    assert capsys.readouterr().err.endswith(f"{store}: is there already; choose another folder or remove it\n")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--task", "walker-stnd", "CHUNK"], 2, "unknown task 'walker-stnd'; did you mean 'walker-stand'"),
        (["--task", "fish-swim", "CHUNK"], 3, "no episode of task 16; the files hold tasks 0, 3, 4"),
        (["--sha256", "sha256:" + "0" * 64, "CHUNK"], 3, "expected sha256:" + "0" * 64),
        (["--sha256", "0" * 64, "CHUNK"], 2, "is no digest; write sha256: and 64 lower-case hex digits"),
        (["--sha256", "a", "--sha256", "b", "CHUNK"], 2, "--sha256: 2 digests for 1 chunks; give one for each chunk"),
        (["absent.pt"], 3, "absent.pt: no such file; 'rephase fetch' gets the official inputs"),
        ([], 2, "import-dataset: nothing to do; give chunk files, or --start-states FILE"),
        (["--start-states", "s"], 3, "holds no dataset store; 'rephase import-dataset' makes one"),
        (
            ["--start-states", "s", "--count", "0", "CHUNK"],
            2,
            "argument --count: expected a whole number of at least 1, found '0'",
        ),
    ],
)
def test_what_cannot_be_done_is_said(
    chunk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, message: str
) -> None:
    words = [str(chunk) if word == "CHUNK" else word for word in words]
    assert main(["import-dataset", "--into", str(tmp_path / "store"), *words]) == code
    assert message in capsys.readouterr().err
