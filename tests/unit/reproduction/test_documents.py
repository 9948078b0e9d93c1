"""Edits of a manifest as a document: what is not asked for stays as it was written."""

from __future__ import annotations

from pathlib import Path

import tomlkit

from rephase.reproduction.documents import bring_along, keep_configs, relocate

TEXT = """\
phase = "phase3"
recorded = "embedded.recorded.json"

[inputs.world-model]  # the small one
path = "../embedded/world_model.safetensors"

[configs.baseline]
file = "../configs/baseline.toml"

[configs.flow]
file = "../configs/flow.toml"

# what training does
[algorithm]
epochs = 10

[arrays.all]
configs = ["baseline", "flow"]

[arrays.flows]
configs = ["flow"]
"""


def test_a_config_goes_out_of_job_arrays_too_and_comments_stay() -> None:
    document = tomlkit.parse(TEXT)
    keep_configs(document, ("baseline",))
    text = tomlkit.dumps(document)

    assert list(document["configs"]) == ["baseline"]
    assert document["arrays"].unwrap() == {"all": {"configs": ["baseline"]}}
    assert "# what training does" in text
    assert "# the small one" in text
    assert "configs/flow.toml" not in text


def test_arrays_go_when_none_is_left() -> None:
    document = tomlkit.parse(TEXT.replace('["baseline", "flow"]', '["flow"]'))
    keep_configs(document, ("baseline",))
    assert "arrays" not in document


def test_paths_lead_from_the_new_folder_to_where_they_led(tmp_path: Path) -> None:
    document = tomlkit.parse(TEXT)
    relocate(document, tmp_path / "a/phase3/embedded.toml", tmp_path / "b/mine/deep/embedded.toml")

    assert document["inputs"]["world-model"]["path"] == "../../../a/embedded/world_model.safetensors"
    assert document["configs"]["flow"]["file"] == "../../../a/configs/flow.toml"
    assert document["recorded"] == "../../../a/phase3/embedded.recorded.json"


def test_paths_that_still_lead_there_are_not_rewritten(tmp_path: Path) -> None:
    document = tomlkit.parse(TEXT)
    relocate(document, tmp_path / "phase3/embedded.toml", tmp_path / "mine/embedded.toml")
    assert document["configs"]["flow"]["file"] == "../configs/flow.toml"
    assert document["recorded"] == "../phase3/embedded.recorded.json"


def test_files_brought_along_lie_in_a_folder_of_the_source_and_keep_names_apart(tmp_path: Path) -> None:
    document = tomlkit.parse(TEXT.replace("../configs/flow.toml", "../other/baseline.toml"))
    files = bring_along(document, tmp_path / "phase3/embedded.toml")

    assert files == {
        "phase3/embedded.recorded.json": tmp_path / "phase3/embedded.recorded.json",
        "phase3/world_model.safetensors": tmp_path / "embedded/world_model.safetensors",
        "phase3/baseline.toml": tmp_path / "configs/baseline.toml",
        "phase3/_baseline.toml": tmp_path / "other/baseline.toml",
    }
    assert document["configs"]["flow"]["file"] == "phase3/_baseline.toml"
