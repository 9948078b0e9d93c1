"""The image's commands: build, verify, show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rephase.cli.main import main
from rephase.manifest.hashing import bytes_digest

ROOT = Path(__file__).parents[3]


DIGEST = bytes_digest(b"image")


LABELS = {"data": {"attributes": {"labels": {"rephase.accelerator": "cpu"}, "deffile": "Bootstrap: docker"}}}


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of stand-ins that is searched first; ``apptainer`` answers, builds and inspects."""
    folder = tmp_path / "programs"
    folder.mkdir()
    body = f"""case "$1" in
    version) echo 1.4.5 ;;
    --version) echo "apptainer version 1.4.5" ;;
    build) for word in "$@"; do echo "told $word"; last2=$last; last=$word; done; printf image > "$last2" ;;
    inspect) echo '{json.dumps(LABELS)}' ;;
    test) echo testing; exit 7 ;;
esac"""
    stand_in(folder / "apptainer", body)
    (folder / "singularity").symlink_to("apptainer")
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def stand_in(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/bash\n{body}\n", encoding="utf-8")
    path.chmod(0o755)


def test_the_commands_build_verify_and_show(programs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = tmp_path / "rephase.sif"
    assert main(["image", "build", str(image), "--project", str(ROOT), "--cuda", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["digest"] == DIGEST
    assert "told accelerator=cuda" in told.err
    assert f"told source={ROOT}" in told.err
    assert main(["image", "verify", str(image)]) == 0
    assert capsys.readouterr().out == f"{image}: is {DIGEST}\n"
    assert main(["image", "verify", str(image), "--test"]) == 1
    assert capsys.readouterr().out == f"{image}: is {DIGEST}, its own test FAILS\n"
    assert main(["image", "show", str(image)]) == 0
    assert f"digest: {DIGEST}" in capsys.readouterr().out
    image.write_bytes(b"another")
    assert main(["image", "verify", str(image)]) == 3
