from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from rephase.cli.main import main

CONTENT = b"weights"
DIGEST = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
COMMIT = "0123456789abcdef0123456789abcdef01234567"
MANIFEST = f"""
schema = 1
phase = "phase3"
scale = "logged"
title = "a test"
tasks = ["walker-stand"]
seeds = [1]
plugins = {{}}
configs.baseline.file = "baseline.toml"

[inputs.world-model]
sha256 = "pending"
pending_because = "the log recorded no hash"
path = "inputs/model.pt"
repo = "someone/pwm"
revision = "{COMMIT}"
filename = "multitask/model.pt"

[inputs.start-states]
sha256 = "{DIGEST}"
path = "starts"
"""
CONFIG = """
schema = 1
name = "baseline"
title = "a test"
world_model.part = "mlp"
policy.part = "gaussian-mlp"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "reproductions" / "phase3"
    folder.mkdir(parents=True)
    (folder / "logged.toml").write_text(MANIFEST)
    (folder / "baseline.toml").write_text(CONFIG)
    (folder / "starts").write_bytes(CONTENT)
    (tmp_path / "model.pt").write_bytes(CONTENT)
    return tmp_path


def test_a_given_file_is_put_in_place_and_pinned(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fetch", "phase3", "--project", str(project), "--from", str(project / "model.pt")]
    assert main([*words, "--json"]) == 0
    shown = capsys.readouterr()
    path = project / "reproductions" / "phase3" / "inputs" / "model.pt"
    assert json.loads(shown.out)["inputs"] == [
        {
            "how": "present",
            "name": "start-states",
            "origin": "manifest",
            "path": str(project / "reproductions" / "phase3" / "starts"),
            "pinned_now": False,
            "sha256": DIGEST,
        },
        {
            "how": "file",
            "name": "world-model",
            "origin": f"a file given by hand, never compared with the hub ({path.parents[1]}/logged.lock.json)",
            "path": str(path),
            "pinned_now": True,
            "sha256": DIGEST,
        },
    ]
    assert shown.err.startswith(f"PINNED world-model: the log recorded no digest. It is {DIGEST} from ")
    assert path.read_bytes() == CONTENT
    assert main(words) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert shown.out.splitlines()[-1] == "phase3 at the logged scale: 2 inputs in place and verified"


def test_offline_without_anything_ends_with_3(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "phase3", "--project", str(project), "--offline"]) == 3
    assert "nobody recorded a digest of the input 'world-model', and the hub gives none now" in capsys.readouterr().err


def test_a_damaged_lock_ends_with_5(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = project / "reproductions" / "phase3" / "logged.lock.json"
    for content, problem in (
        ("{", "is no lock ("),
        ('{"schema": 9}', "has schema 9, this version reads schema 1; read it with the version"),
        ('{"inputs": {"a": {"sha256": "abc", "source": "hub"}}}', "expected sha256:<64 hex digits>, found 'abc'"),
    ):
        lock.write_text(content)
        assert main(["fetch", "phase3", "--project", str(project), "--offline"]) == 5
        assert problem in capsys.readouterr().err
