"""The logged phases' whole path: official files of exact layout, an import, training, evaluation, check, report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes.official import make_official_project

from rephase.cli.main import main

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The logged phases with small networks, their official files made up and imported."""
    folder = make_official_project(tmp_path_factory.mktemp("official"))
    chunks = [str(folder / f"inputs/mt30/chunk_{number}.pt") for number in range(4)]
    words = ["--phase", "phase3", "--project", str(folder), "--into", str(folder / "inputs/mt30-store")]
    assert main(["import-dataset", *chunks, *words]) == 0
    return folder


def test_phase_3_goes_from_official_files_to_a_report(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["phase3", "--scale", "logged", "--project", str(project)]
    assert main(["rehearse", *words, "--device", "cpu", "--json"]) == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert "REHEARSAL of phase3-logged: 2 epochs and one episode of each config; no result" in shown.err
    assert "world-model: only the world model is read; dropped: _Qs, _pi, _target_Qs, optim, pi_optim, " in shown.err
    assert {one["config"]: one["runs"] for one in found["needs"]} == {"baseline": 9, "flowpolicy": 9}
    for one in found["needs"]:
        # 10,000 epochs; two evaluations of ten episodes, and ten more after every 200 epochs but the last
        assert (one["epochs"], one["episodes"]) == (10_000, 2 * 10 + 49 * 10)
        assert (one["seconds_asked"], one["memory_asked_mb"] >= 450_000) == (16 * 3600, True)
        assert min(one["epoch_seconds"], one["episode_seconds"], one["disk"]) > 0
    folder = Path(found["folder"])
    record = json.loads((folder / "baseline/reacher-easy/seed-42/record.json").read_text())
    assert (record["phase"], record["epochs"]) == ("phase3-rehearsal", 2)
    assert set(record["inputs"]) >= {"world-model", "mt30-store"}
    assert "a REHEARSAL of phase3-logged, no result: 2 epochs instead of 10,000" in (folder / "report.html").read_text()
    capsys.readouterr()
    assert main(["check", *words]) == 3  # the phase itself has no run


def test_a_changed_official_file_ends_it(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = project / "inputs/mt30_48M_4900000.pt"
    kept = file.read_bytes()
    middle = len(kept) // 2
    file.write_bytes(kept[:middle] + bytes([kept[middle] ^ 1]) + kept[middle + 1 :])
    try:
        assert main(["rehearse", "phase3", "--scale", "logged", "--device", "cpu", "--project", str(project)]) == 3
        assert "the input 'world-model' is sha256:" in capsys.readouterr().err
    finally:
        file.write_bytes(kept)
