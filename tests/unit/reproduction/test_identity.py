"""A checkpoint is taken by the group that wrote it and by no other."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rephase.errors import CheckpointError
from rephase.manifest import Run
from rephase.reproduction.identity import content_digest, identity_of, read_state, require_identity
from rephase.reproduction.phases import open_phase

ROOT = Path(__file__).parents[3]
RUNS = [Run("baseline", "walker-stand", seed) for seed in (42, 123)]


def test_it_is_of_the_manifest_the_inputs_the_runs_in_order_the_code_and_the_libraries() -> None:
    phase = open_phase("phase3", "embedded", ROOT)
    inputs = {name: f"sha256:{name}" for name in (*phase.inputs_of("baseline"), "of another config")}
    found = identity_of(phase, "baseline", RUNS, inputs)

    assert found["manifest"] == phase.digest
    assert found["config"] == phase.config_digest("baseline")
    assert found["inputs"] == {name: f"sha256:{name}" for name in phase.inputs_of("baseline")}
    assert found["runs"] == ["baseline/walker-stand/seed-42", "baseline/walker-stand/seed-123"]
    assert found["code"].startswith("sha256:")
    assert "torch" in found["software"]


@pytest.mark.parametrize(
    ("name", "words"), [("manifest", "manifest"), ("code", "code of rephase"), ("runs", "runs"), ("content", "content")]
)
def test_another_one_is_refused_with_what_differs_and_how_to_begin_again(name: str, words: str) -> None:
    own = {"manifest": "m", "runs": ("a", "b"), "code": "c", "content": "d"}
    kept = {**own, "runs": ["a", "b"]}
    require_identity(Path("state"), own, kept)
    with pytest.raises(CheckpointError, match=rf"now: other {words} \(remedy|now: other {words}") as error:
        require_identity(Path("my state"), own, kept | {name: "other"})
    assert error.value.remedy == "begin again with: rm 'my state'"


def test_the_content_is_names_types_shapes_and_bytes() -> None:
    rows = torch.arange(6, dtype=torch.float32)
    digests = {
        content_digest({"a": rows}),
        content_digest({"b": rows}),
        content_digest({"a": rows.view(2, 3)}),
        content_digest({"a": rows.view(torch.int32)}),
        content_digest({"a": rows.clone().index_fill_(0, torch.tensor([5]), 7.0)}),
        content_digest({"a": rows, "b": torch.zeros(0)}),
    }
    assert len(digests) == 6
    assert content_digest({"a": rows.view(2, 3).T.contiguous().T}) == content_digest({"a": rows.view(2, 3)})


def test_a_file_that_is_no_checkpoint_says_how_to_begin_again(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    path.write_bytes(b"not whole")
    with pytest.raises(CheckpointError) as error:
        read_state(path)
    assert error.value.remedy == f"begin again with: rm {path}"
