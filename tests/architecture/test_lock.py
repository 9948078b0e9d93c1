"""The lock has every pinned version with hashes, and a file with another hash is not installed."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
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


def test_whatever_a_group_or_an_extra_asks_for_by_name_is_pinned(locked: ModuleType) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lists = [*project["dependency-groups"].values(), *project["project"]["optional-dependencies"].values()]
    wanted = [requirement for one in lists for requirement in one if isinstance(requirement, str)]
    names = {locked.normalised(re.split(r"[\[<>=!~; ]", requirement)[0]) for requirement in wanted} - {"rephase"}
    assert sorted(names - set(locked.read_lock(ROOT / "requirements.lock"))) == []


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


@pytest.fixture(params=["pip", "uv"])
def with_uv(request: pytest.FixtureRequest) -> str:
    if request.param == "uv" and shutil.which("uv") is None:
        pytest.skip("needs uv on PATH")
    return "uv" if request.param == "uv" else ""


@pytest.mark.parametrize(("body", "code"), [("x = 1", 0), ("x = 2", 1)], ids=["the file of the lock", "another file"])
def test_another_file_of_the_same_version_is_refused(
    body: str,
    code: int,
    with_uv: str,
    locked: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    meant = hashlib.sha256(wheel(tmp_path / "meant", "x = 1").read_bytes()).hexdigest()
    given = wheel(tmp_path / "given", body)
    root, target = tmp_path / "root", tmp_path / "target"
    root.mkdir()
    (root / "constraints.txt").write_text("lockedpart==1.0\n")
    monkeypatch.setattr(locked, "ROOT", root)
    more = ["--no-index", "--find-links", str(given.parent), "--target", str(target)]
    really = locked.uv

    def pip(*words: str) -> None:
        options = [*more, "--no-warn-conflicts", *(["--ignore-installed"] if "--dry-run" in words else [])]
        subprocess.run([sys.executable, "-m", "pip", *words, *options], check=True, cwd=root, capture_output=True)

    monkeypatch.setattr(locked, "pip", pip)
    monkeypatch.setattr(locked, "uv", lambda *words: really(*words, *more))
    lock = {"lockedpart": f"lockedpart==1.0 --hash=sha256:{meant}"}
    if code:
        with pytest.raises(SystemExit) as refused:
            locked.install(tmp_path, lock, ["lockedpart"], with_uv=with_uv)
        said = f"{refused.value}\n{capsys.readouterr().err}"
        assert re.search(
            r"Hash mismatch for `?lockedpart"
            if with_uv
            else r"lockedpart 1\.0 is not the file that requirements\.lock has",
            said,
        )
        assert not (target / "lockedpart.py").exists()
    else:
        locked.install(tmp_path, lock, ["lockedpart"], with_uv=with_uv)
        assert (target / "lockedpart.py").read_text() == body


def test_uv_is_told_where_pip_looks(locked: ModuleType) -> None:
    listed = """:env:.find-links='/wheels'
global.extra-index-url='https://one.example/simple https://two.example/simple'
global.find-links='/elsewhere'
install.index-url='https://own.example/simple'
user.timeout='60'
"""
    settings = locked.read_settings(listed)
    assert settings["find-links"] == ["/wheels"]
    assert locked.as_uv_says(settings, {}) == {
        "UV_FIND_LINKS": "/wheels",
        "UV_DEFAULT_INDEX": "https://own.example/simple",
        "UV_INDEX": "https://one.example/simple https://two.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    assert locked.as_uv_says(settings, {"UV_FIND_LINKS": "/mine", "UV_DEFAULT_INDEX": "x", "UV_INDEX": "y"}) == {
        "UV_INDEX_STRATEGY": "unsafe-best-match"
    }
    assert locked.as_uv_says({}, {}) == {}
