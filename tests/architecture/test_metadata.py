"""What every distribution says of itself, so that an index can show it and a wheel carries its licence."""

from __future__ import annotations

import email
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

import rephase

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT, ROOT / "reproductions", *sorted(path.parent for path in ROOT.glob("plugins/rephase-*/pyproject.toml"))]
PYTHONS = ("3.11", "3.12")


def project(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: project(folder)["name"])
def test_a_distribution_says_whose_it_is_and_where_it_runs(folder: Path) -> None:
    said = project(folder)

    assert said["authors"] == [{"name": "rephase maintainers"}]
    assert said["description"].endswith(".")
    assert said["requires-python"] == f">={PYTHONS[0]},<3.13"
    assert {"reproducibility", "world models"} <= set(said["keywords"])
    supported = [text.rpartition(" ")[2] for text in said["classifiers"] if re.search(r":: 3\.\d+$", text)]
    assert tuple(supported) == PYTHONS
    assert any(text.startswith("Topic :: ") for text in said["classifiers"])
    assert all(address.startswith("https://") for address in said["urls"].values())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: project(folder)["name"])
def test_a_distribution_carries_the_licence_and_its_tests(folder: Path) -> None:
    said = project(folder)

    assert (said["license"], said["license-files"]) == ("MIT", ["LICENSE"])
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    if (folder / "tests").is_dir():
        assert "graft tests" in (folder / "MANIFEST.in").read_text(encoding="utf-8").splitlines()
    if folder == ROOT:
        assert "graft docs" in (folder / "MANIFEST.in").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: project(folder)["name"])
def test_a_readme_links_nothing_that_an_index_cannot_open(folder: Path) -> None:
    text = (folder / project(folder)["readme"]).read_text(encoding="utf-8")
    assert [target for target in re.findall(r"\]\(([^)]+)\)", text) if not target.startswith("https://")] == []


def test_a_built_wheel_has_the_licence_and_the_metadata(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(ROOT / "plugins/rephase-euler", source, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    words = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path)]
    subprocess.run([sys.executable, *words, str(source)], check=True, timeout=300)

    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = email.message_from_bytes(archive.read(next(name for name in names if name.endswith("/METADATA"))))
    assert [name for name in names if name.endswith("dist-info/licenses/LICENSE")]
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == "<3.13,>=3.11"
    assert metadata["Author"] == "rephase maintainers"
    assert metadata["Project-URL"].startswith("Reproduced work, https://")


def test_one_release_has_one_version() -> None:
    versions = {project(folder).get("version", rephase.__version__) for folder in FOLDERS}
    cited = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    released = re.search(
        r"^## (\d+\.\d+\.\d+), \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )

    assert cited is not None
    assert released is not None
    assert {*versions, cited[1], released[1]} == {rephase.__version__}


def test_the_changelog_says_first_what_moves_numbers() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for release in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        headings = re.findall(r"^### (.*)$", release, re.MULTILINE)
        assert headings == [one for one in ("Moves numbers", "Added", "Changed", "Fixed", "Removed") if one in headings]
        assert "Moves numbers" not in headings or headings[0] == "Moves numbers"
