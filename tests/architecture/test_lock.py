"""The lock has every pinned version with hashes, and a file with another hash is not installed."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def locked() -> ModuleType:
    found = importlib.util.spec_from_file_location("locked", ROOT / "containers/locked.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_lock_is_of_the_pinned_versions(locked: ModuleType) -> None:
    lock = locked.read_lock(ROOT / "requirements.lock")
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert {locked.normalised(pin.split("==")[0]) for pin in pins} == set(lock)
    for pin in pins:
        name, _, version = pin.partition("==")
        line = lock[locked.normalised(name)]
        assert line.split()[0].partition("==")[2] == version, pin
        assert re.findall(r"--hash=sha256:[0-9a-f]{64}", line), pin


def wheel(folder: Path, body: str) -> Path:
    folder.mkdir()
    file = folder / "lockedpart-1.0-py3-none-any.whl"
    files = {
        "lockedpart.py": body,
        "lockedpart-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: lockedpart\nVersion: 1.0\n",
        "lockedpart-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "lockedpart-1.0.dist-info/RECORD": "",
    }
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return file


@pytest.mark.parametrize(("body", "code"), [("x = 1", 0), ("x = 2", 1)], ids=["the file of the lock", "another file"])
def test_another_file_of_the_same_version_is_refused(
    body: str, code: int, locked: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meant = hashlib.sha256(wheel(tmp_path / "meant", "x = 1").read_bytes()).hexdigest()
    given = wheel(tmp_path / "given", body)
    root, target = tmp_path / "root", tmp_path / "target"
    root.mkdir()
    (root / "constraints.txt").write_text("lockedpart==1.0\n")
    monkeypatch.setattr(locked, "ROOT", root)

    def pip(*words: str) -> None:
        more = ["--no-index", "--find-links", str(given.parent), "--target", str(target), "--no-warn-conflicts"]
        more = more if "--dry-run" not in words else [*more, "--ignore-installed"]
        subprocess.run([sys.executable, "-m", "pip", *words, *more], check=True, cwd=root, capture_output=True)

    monkeypatch.setattr(locked, "pip", pip)
    lock = {"lockedpart": f"lockedpart==1.0 --hash=sha256:{meant}"}
    if code:
        with pytest.raises(SystemExit, match=r"lockedpart 1\.0 .* is not the file that requirements\.lock has"):
            locked.install(tmp_path, lock, ["lockedpart"])
        assert not target.exists()
    else:
        locked.install(tmp_path, lock, ["lockedpart"])
        assert (target / "lockedpart.py").read_text() == body
