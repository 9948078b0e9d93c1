"""A group goes on only from a state of its own that is still what was written; any other is refused in one line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from fakes.projects import make_project

from rephase.cli.main import main
from rephase.engine.checkpoints import read_tensors, write_tensors
from rephase.reproduction.identity import content_digest
from rephase.reproduction.training import CohortTraining


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], Path]:
    """Words that run a miniature group, and the checkpoint it left when it was stopped after training."""
    project = make_project(tmp_path / "one", tasks=("reacher-easy",), epochs=4)
    words = ["run", "phase3", "--project", str(project), "--config", "baseline"]

    def stop(training: CohortTraining) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(CohortTraining, "measure", stop)
        assert main(words) == 130
    [checkpoint] = (project / "runs").rglob("state.safetensors")
    return words, checkpoint


def test_its_own_state_is_taken(stopped: tuple[list[str], Path]) -> None:
    words, checkpoint = stopped

    assert main(words) == 0
    assert not checkpoint.exists()


@pytest.mark.parametrize("part", ["tensors", "identity"])
def test_one_flipped_bit_is_refused_with_what_to_do(
    stopped: tuple[list[str], Path], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words, checkpoint = stopped
    content = bytearray(checkpoint.read_bytes())
    place = len(content) - 1 if part == "tensors" else content.index(b"sha256:") + 10
    content[place] ^= 1
    checkpoint.write_bytes(content)

    assert main(words) == 3

    lines = [line for line in capsys.readouterr().err.splitlines() if "begin again with" in line]
    assert lines
    assert f"rm {checkpoint}" in lines[-1]
    checkpoint.unlink()
    assert main(words) == 0


def test_the_state_of_another_manifest_with_the_same_runs_is_refused(
    stopped: tuple[list[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, checkpoint = stopped
    other = make_project(tmp_path / "two", tasks=("reacher-easy",), epochs=5)
    words = ["run", "phase3", "--project", str(other), "--config", "baseline"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CohortTraining, "measure", lambda training: (_ for _ in ()).throw(KeyboardInterrupt))
        assert main(words) == 130
    [own] = (other / "runs").rglob("state.safetensors")
    shutil.copy(checkpoint, own)

    assert main(words) == 3
    assert "other manifest, configuration" in capsys.readouterr().err


def test_a_state_without_a_name_is_refused(stopped: tuple[list[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    words, checkpoint = stopped
    write_tensors(checkpoint, read_tensors(checkpoint)[0])

    assert main(words) == 3
    assert "not of these runs" in capsys.readouterr().err


def test_the_digest_of_a_content_is_of_names_types_shapes_and_bytes() -> None:
    base = {"a": torch.arange(6.0), "b": torch.zeros((), dtype=torch.int64), "c": torch.empty(0)}
    same = {"c": torch.empty(0), "b": torch.zeros((), dtype=torch.int64), "a": torch.arange(12.0)[:6]}
    others = [
        base | {"a": torch.arange(6.0).reshape(2, 3)},
        base | {"a": torch.arange(6.0).double()},
        base | {"b": torch.ones((), dtype=torch.int64)},
        {"A": base["a"], "b": base["b"], "c": base["c"]},
    ]

    assert content_digest(base) == content_digest(same)
    assert len({content_digest(each) for each in [base, *others]}) == 5
