from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from rephase.cli.main import main

pytestmark = pytest.mark.torch

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture
def folder(tmp_path):
    for name in ("actor_mlp", "critic_targets"):
        shutil.copy(DATA / "reference" / f"{name}.npz", tmp_path)
    return tmp_path


def spoil(path, key, add):
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays[key] = arrays.get(key, np.zeros(2, np.float32)) + np.float32(add)
    np.savez(path, **arrays)


def test_text_is_one_line_a_file_and_a_summary(folder, capsys):
    assert main(["vectors", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["State", "File", "Quantities", "Abs", "Rel", "Worst", "quantity"]
    assert lines[1].split()[:3] == ["ok", "actor_mlp.npz", "5"]
    assert lines[2].split()[:3] == ["ok", "critic_targets.npz", "6"]
    assert lines[3:] == ["2 files, 11 quantities in float32 on cpu: all within the tolerance"]


def test_all_is_one_line_a_quantity(folder, capsys):
    assert main(["vectors", str(folder), "--all", "--dtype", "float64"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 11 + 1
    assert lines[1].split()[:3] == ["ok", "actor_mlp.npz", "logstd_after"]
    assert lines[1].split()[-1] == "1.0e-09"
    assert lines[-1] == "2 files, 11 quantities in float64 on cpu: all within the tolerance"


def test_a_deviation_is_told_in_full_and_ends_with_1(folder, capsys):
    spoil(folder / "critic_targets.npz", "out/one-step/random", 1)
    spoil(folder / "critic_targets.npz", "out/one-step/later", 0)
    assert main(["vectors", str(folder)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split()[:2] == ["failed", "critic_targets.npz"]
    assert lines[3] == "failed: critic_targets.npz: one-step/later: not computed here, of another shape, or not finite"
    assert lines[4].startswith("failed: critic_targets.npz: one-step/random: off by 1.0e+00, relatively ")
    assert lines[4].endswith("; tolerance 2.0e-04")
    assert lines[5] == "2 files, 12 quantities in float32 on cpu: 2 outside the tolerance"


def test_json_holds_the_same_and_neither_infinity_nor_nan(folder, capsys):
    spoil(folder / "critic_targets.npz", "out/one-step/later", 0)
    assert main(["vectors", str(folder), "--json"]) == 1
    data = json.loads(capsys.readouterr().out, parse_constant=lambda word: pytest.fail(f"JSON holds {word}"))
    assert (data["ok"], data["failed"], data["quantities"]) == (False, 1, 12)
    assert (data["dtype"], data["device"]) == ("float32", "cpu")
    assert [(file["file"], file["ok"], file["quantities"]) for file in data["files"]] == [
        ("actor_mlp.npz", True, 5),
        ("critic_targets.npz", False, 7),
    ]
    bad = {
        "file": "critic_targets.npz",
        "max_abs": None,
        "max_rel": None,
        "ok": False,
        "quantity": "one-step/later",
        "tolerance": 2e-4,
    }
    assert bad in data["checks"]
    assert data["files"][1]["worst"] == bad


def test_golden_files_of_tasks_are_told_by_their_content(tmp_path, capsys):
    for name in ("cartpole-balance.npz", "pendulum-swingup.npz", "meta.json"):
        shutil.copy(DATA / "environments" / name, tmp_path)
    assert main(["vectors", str(tmp_path), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    files = {file["file"]: file["quantities"] for file in data["files"]}
    assert files.keys() == {"cartpole-balance.npz", "meta.json", "pendulum-swingup.npz"}
    assert files["meta.json"] == 2
    assert data["quantities"] == sum(files.values()) == len(data["checks"])


def test_a_damaged_file_ends_with_2_and_one_message(folder, capsys):
    path = folder / "actor_mlp.npz"
    path.write_bytes(path.read_bytes()[:100])
    assert main(["vectors", str(folder)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"rephase: {path}: cannot be read as a NumPy archive (")
    assert captured.err.count("\n") == 1


def test_no_folder_ends_with_2(tmp_path, capsys):
    assert main(["vectors", str(tmp_path / "none")]) == 2
    expected = f"rephase: {tmp_path / 'none'}: no such folder; name a folder of reference files\n"
    assert capsys.readouterr().err == expected


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_shipped_reference_file_is_reproduced(dtype, capsys):
    assert main(["vectors", str(DATA / "reference"), "--dtype", dtype, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert len(data["files"]) == 22
    assert data["quantities"] == 1647
    assert max(check["max_rel"] for check in data["checks"]) < (2e-5 if dtype == "float32" else 1e-12)
