from __future__ import annotations

from pathlib import Path

import pytest
import torch
from attrs import evolve
from fetching_phases import hub_input, phase

from rephase.cli.main import main
from rephase.engine.checkpoints import read_tensors
from rephase.errors import InputMismatch
from rephase.manifest.hashing import file_digest
from rephase.reproduction.datasets import import_dataset, pinned_digests, write_start_states
from rephase.reproduction.loading import load_start_states

ROWS = 501


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
    starts = load_start_states(made.path, made.digest, ["walker-stand", "cheetah-run"])
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
    assert pinned_digests(one, [chunk]) == {str(chunk): digest}
    pending = phase(tmp_path, chunk=evolve(hub_input(), filename="mt30/chunk_0.pt"))
    with pytest.raises(InputMismatch) as caught:
        pinned_digests(pending, [chunk])
    assert str(caught.value) == (
        f"{chunk}: phase3-logged pins no input of this name; 'rephase fetch phase3' pins it, or give --sha256"
    )


def test_the_command_imports_and_draws(chunk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, starts = tmp_path / "store", tmp_path / "starts.safetensors"
    words = ["import-dataset", str(chunk), "--into", str(store), "--sha256", file_digest(chunk)]
    assert main([*words, "--start-states", str(starts), "--count", "10"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["Task", "Index", "Episodes"],
        ["walker-stand", "0", "2"],
        ["cheetah-run", "3", "1"],
        ["reacher-easy", "4", "1"],
    ]
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
        (["--start-states", "s", "--count", "0", "CHUNK"], 2, "0 start observations are none"),
    ],
)
def test_what_cannot_be_done_is_said(
    chunk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, message: str
) -> None:
    words = [str(chunk) if word == "CHUNK" else word for word in words]
    assert main(["import-dataset", "--into", str(tmp_path / "store"), *words]) == code
    assert message in capsys.readouterr().err
