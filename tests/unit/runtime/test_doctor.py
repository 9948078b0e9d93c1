from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from rephase.cli.main import main
from rephase.runtime import arithmetic, doctor
from rephase.runtime.doctor import Availability, can_run_here, examine

pytestmark = pytest.mark.slow

RUNNERS = ("skypilot", "slurm") if find_spec("rephase_skypilot") else ("slurm",)
NAMES = (
    "python", "machine", "torch", "arithmetic", "gpu", "mujoco", "dm_control", "safetensors", "plugins", "runs", "disk",
    "container", "apptainer", "spython", *RUNNERS, "huggingface_hub", "matplotlib",
)  # fmt: skip


def test_finds_the_same_things_in_the_same_order_each_with_a_remedy(tmp_path: Path) -> None:
    findings = examine(tmp_path / "runs")
    assert tuple(finding.name for finding in findings) == NAMES
    assert all(bool(finding.remedy) is (finding.standing is not Availability.OK) for finding in findings)
    assert all("\n" not in finding.found + finding.remedy for finding in findings)
    assert not (tmp_path / "runs").exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.torch
def test_a_machine_that_can_train_is_told_so(tmp_path: Path) -> None:
    findings = {finding.name: finding for finding in examine(tmp_path)}
    for name in ("torch", "mujoco", "dm_control", "safetensors", "plugins", "runs"):
        assert findings[name].standing is Availability.OK, findings[name]
    assert can_run_here(tuple(findings.values()))


@pytest.mark.torch
def test_without_programs_only_the_cluster_is_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    findings = {finding.name: finding for finding in examine(tmp_path)}
    assert findings["apptainer"].standing is Availability.ABSENT
    assert findings["slurm"].found == "sbatch is not here"
    assert findings["slurm"].remedy == "needed where jobs are submitted to it; only submit --runner slurm needs it"
    assert can_run_here(tuple(findings.values()))


def test_a_missing_package_stops_every_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    really = importlib.import_module

    def fake(name: str) -> object:
        if name == "safetensors":
            raise ImportError("No module named 'safetensors'")
        if name == "matplotlib":
            raise RuntimeError("broken")
        return really(name)

    monkeypatch.setattr(importlib, "import_module", fake)
    findings = {finding.name: finding for finding in examine(tmp_path)}
    assert findings["safetensors"].standing is Availability.BROKEN
    assert findings["safetensors"].found == "cannot be imported (No module named 'safetensors')"
    assert findings["safetensors"].remedy == "pip install 'rephase[run]'"
    assert findings["matplotlib"].found == "fails on import (RuntimeError: broken)"
    assert not can_run_here(tuple(findings.values()))


@pytest.mark.parametrize("version", [(3, 10, 4), (3, 13, 0)])
def test_a_python_that_dm_control_cannot_be_installed_in_stops_every_run(
    version: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "sys", SimpleNamespace(version_info=version, executable="python"))
    found = doctor._python()
    assert (found.standing, found.found) == (Availability.BROKEN, ".".join(str(part) for part in version))
    assert found.remedy.startswith("use Python 3.11 or 3.12")
    assert ("labmaze" in found.remedy) is (version > (3, 12))


def test_a_folder_without_room_or_rights_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 0))
    monkeypatch.setattr("tempfile.mkdtemp", _refuse)
    findings = {finding.name: finding for finding in examine(tmp_path)}
    assert findings["disk"].found == f"0.0 GiB free in {tmp_path}"
    assert findings["runs"].found == f"{tmp_path}: Permission denied"
    assert findings["runs"].remedy == "give a folder on a file system with locks and renames (--runs)"


def _refuse(*words: object, **more: object) -> str:
    raise PermissionError(13, "Permission denied")


@pytest.mark.torch
def test_says_the_same_to_people_and_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--runs", str(tmp_path)]) == 0
    text = capsys.readouterr().out.splitlines()
    assert text[-1] == "runs can be made here"
    assert len(text) == len(NAMES) + 2
    assert main(["doctor", "--runs", str(tmp_path), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["can_run_here"] is True
    assert [finding["name"] for finding in data["findings"]] == list(NAMES)


@pytest.mark.torch
def test_says_whether_the_bits_seen_elsewhere_can_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {finding.name: finding for finding in examine(tmp_path)}["arithmetic"]
    if not arithmetic.why_not():
        assert found.found.startswith(("portable: the bits seen elsewhere, with C library", "portable arithmetic may"))
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    found = {finding.name: finding for finding in examine(tmp_path)}["arithmetic"]
    assert found.standing is Availability.ABSENT
    assert found.found.startswith("portable arithmetic cannot be had: it is for x86-64 with Linux, and this is aarch64")
    assert can_run_here((found,))
