from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes.projects import make_project

from rephase.cli.main import main
from rephase.errors import CannotRunHere, UsageError
from rephase.manifest.hashing import bytes_digest, file_digest
from rephase.manifest.record import Record, read_record
from rephase.reproduction.exporting import export_phase
from rephase.reproduction.phases import open_phase
from rephase.reproduction.storing import Store

DIGEST = "sha256:" + "ab" * 32
PROVENANCE = {
    "code": {"version": "0.1.0", "digest": DIGEST, "commit": "0123abcd"},
    "plugins": {"rephase-mlp": "0.1.0", "rephase-flow": "0.1.0"},
    "machine": {
        "host": "node7",
        "system": "Linux 6.1 x86_64",
        "cpu": "a CPU",
        "cores": 16,
        "torch": "2.13.0",
        "image": DIGEST,
        "gpu": {"name": "NVIDIA H100", "sm_count": 132, "driver": "570.1", "cuda": "12.9"},
    },
    "job": "4011713_4",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def store(project: Path, tmp_path: Path) -> Store:
    return Store(tmp_path / "runs", open_phase("phase3", "embedded", project))


@pytest.fixture
def completed(store: Store) -> Store:
    """A store in which two runs are completed."""
    for run in store.phase.runs()[:2]:
        store.policy_path(run).parent.mkdir(parents=True)
        store.policy_path(run).write_bytes(b"policy")
        record = Record(
            phase="phase3",
            scale="embedded",
            config=run.config,
            task=run.task,
            seed=run.seed,
            manifest_digest=store.phase.digest,
            config_digest=store.phase.config_digest(run.config),
            resolved=store.phase.resolved(run.config),
            inputs={"world-model": DIGEST},
            reward=12.5,
            episode_returns=(12.5,),
            epochs=2,
            policy_file="policy.safetensors",
            policy_sha256=bytes_digest(b"policy"),
            provenance=PROVENANCE,
        )
        store.write_record(record)
    return store


def test_a_crate_names_no_machine(completed: Store, tmp_path: Path) -> None:
    export_phase(completed, tmp_path / "crate", "2026-01-31")

    for path in (tmp_path / "crate").rglob("*.json"):
        assert "node7" not in path.read_text(), path
    for run in completed.phase.runs()[:2]:
        kept = read_record(tmp_path / "crate/runs" / run.label / "record.json")  # whole, with a digest of its own
        assert kept.provenance["machine"]["cores"] == 16
        assert kept.reward == 12.5


def test_the_crate_is_valid_and_says_what_made_what(completed: Store, tmp_path: Path) -> None:
    from rocrate.rocrate import ROCrate

    told = export_phase(completed, tmp_path / "crate", "2026-01-31")
    assert (told.runs, told.files) == (2, 7)
    crate = ROCrate(tmp_path / "crate")
    root = crate.root_dataset
    assert root["datePublished"] == "2026-01-31"
    assert root["identifier"] == completed.phase.digest
    assert root["license"]["name"] == "MIT License"
    parts = {part.id for part in root["hasPart"]}
    assert {"manifest.toml", "configs/baseline.toml", "runs/baseline/reacher-easy/seed-1/record.json"} <= parts
    for part in root["hasPart"]:
        path = tmp_path / "crate" / part.id
        assert f"sha256:{part['sha256']}" == file_digest(path)
        assert int(part["contentSize"]) == path.stat().st_size
    actions = root["mentions"]
    assert [action.type for action in actions] == ["CreateAction", "CreateAction"]
    action = actions[0]
    assert action["instrument"]["name"] == "rephase"
    assert {need["name"] for need in action["instrument"]["softwareRequirements"]} == {
        "rephase-mlp", "rephase-flow", "torch",
    }  # fmt: skip
    assert action["containerImage"]["sha256"] == DIGEST.removeprefix("sha256:")
    assert action["location"]["description"] == (
        "16 cores of a CPU, NVIDIA H100 with 132 SMs, driver 570.1, CUDA 12.9, Linux 6.1 x86_64"
    )
    assert action["identifier"] == "SLURM job 4011713_4"
    assert {one.id for one in action["result"]} == {
        "runs/baseline/reacher-easy/seed-1/record.json",
        "runs/baseline/reacher-easy/seed-1/policy.safetensors",
    }


def test_the_crate_survives_being_written_again_by_the_library(completed: Store, tmp_path: Path) -> None:
    from rocrate.rocrate import ROCrate

    export_phase(completed, tmp_path / "crate", "2026-01-31")
    ROCrate(tmp_path / "crate").write(tmp_path / "again")
    before = json.loads((tmp_path / "crate/ro-crate-metadata.json").read_text())["@graph"]
    after = json.loads((tmp_path / "again/ro-crate-metadata.json").read_text())["@graph"]
    assert {entity["@id"] for entity in before} == {entity["@id"] for entity in after}


def test_every_reference_leads_somewhere(completed: Store, tmp_path: Path) -> None:
    export_phase(completed, tmp_path / "crate", "2026-01-31")
    graph = json.loads((tmp_path / "crate/ro-crate-metadata.json").read_text())["@graph"]
    known = {entity["@id"] for entity in graph}
    assert len(known) == len(graph)
    outside = ("https://w3id.org/", "http://schema.org/")
    for entity in graph:
        for value in entity.values():
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, dict) and not one["@id"].startswith(outside):
                    assert one["@id"] in known


def test_exporting_twice_gives_the_same_metadata(completed: Store, tmp_path: Path) -> None:
    for name in ("a", "b"):
        export_phase(completed, tmp_path / name, "2026-01-31")
    first, second = ((tmp_path / name / "ro-crate-metadata.json").read_bytes() for name in ("a", "b"))
    assert first == second


def test_refuses_where_nothing_is_completed_or_something_is_in_the_way(completed: Store, tmp_path: Path) -> None:
    empty = Store(tmp_path / "none", completed.phase)
    with pytest.raises(CannotRunHere) as nothing:
        export_phase(empty, tmp_path / "crate", "2026-01-31")
    assert str(nothing.value) == f"{empty.folder}: no run is completed; rephase run phase3 first"
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").write_text("x")
    with pytest.raises(UsageError) as full:
        export_phase(completed, tmp_path / "full", "2026-01-31")
    assert str(full.value) == f"{tmp_path / 'full'}: is there already and not empty; choose another folder"


def test_the_command_exports(
    completed: Store, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", "phase3", "--project", str(project), "--runs", str(tmp_path / "runs")]
    assert main([*words, "--to", str(tmp_path / "crate"), "--date", "2026-01-31"]) == 0
    assert capsys.readouterr().out == f"2 runs, 7 files and their provenance in {tmp_path / 'crate'}\n"
    assert main([*words, "--to", str(tmp_path / "other"), "--date", "today"]) == 2
    assert capsys.readouterr().err == "rephase: --date: 'today' is no date; write YYYY-MM-DD\n"
