"""Finding the project and its phases, and what is said where there is none."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from fakes.distributions import install
from fakes.projects import make_project

from rephase.cli.main import main
from rephase.errors import ManifestError, PluginError, UnknownName, UsageError
from rephase.manifest.outcomes import RecordedOutcomes, write_outcomes
from rephase.plugins.phases import shipped_phases
from rephase.reproduction.phases import find_project, known_phases, open_phase

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("project"))


def test_the_nearest_project_upwards_is_found(tmp_path: Path) -> None:
    inner = tmp_path / "outer" / "inner"
    deep = inner / "a" / "b"
    deep.mkdir(parents=True)
    for folder in (tmp_path / "outer", inner):
        (folder / "reproductions").mkdir()

    assert find_project(deep) == inner
    assert find_project(inner) == inner
    assert find_project(inner.parent) == inner.parent


def test_a_folder_outside_any_project_is_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "reproductions").write_text("a file is no folder")

    with pytest.raises(UsageError) as caught:
        find_project(tmp_path)

    assert str(caught.value) == (
        f"{tmp_path}: no folder 'reproductions' here or above; "
        "change to a checkout of the project or give --project FOLDER"
    )


def test_installed_phases_are_found_without_a_checkout(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.delenv("REPHASE_PROJECT", raising=False)
    monkeypatch.chdir(empty)
    assert shipped_phases() == ()
    site = ship(monkeypatch, project, tmp_path / "site", "one")

    assert [(one.project, one.source.distribution) for one in shipped_phases()] == [
        (site / "one_phases", "rephase-one")
    ]
    assert main(["status", "phase3"]) == 0
    assert main(["show", "phase3"]) == 0
    assert main(["show"]) == 0
    assert main(["plugins", "--kind", "phases"]) == 0

    assert capsys.readouterr().out.splitlines()[-2].split()[:3] == ["phases", "one_phases", "rephase-one"]
    assert {path.name for path in empty.iterdir()} <= {"runs"}


def test_a_phase_derived_from_a_shipped_one_has_its_files_beside_it(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.delenv("REPHASE_PROJECT", raising=False)
    monkeypatch.chdir(empty)
    site = ship(monkeypatch, project, tmp_path / "site", "one")
    record = RecordedOutcomes(phase="phase3", scale="embedded", source="us", outcomes=[])
    write_outcomes(site / "one_phases/reproductions/phase3/embedded.recorded.json", record)

    assert main(["derive", "phase3", "broken", "--set", "policy.part=no-such-policy"]) == 2
    assert not (empty / "reproductions/broken").exists()
    assert main(["derive", "phase3", "mine", "--config", "baseline", "--set", "algorithm.epochs=1"]) == 0

    phase = open_phase("mine", "embedded", Path())
    shipped = open_phase("phase3", "embedded", site / "one_phases")
    assert list(phase.configs) == ["baseline"]
    for name in phase.manifest.inputs:
        assert phase.path_of(name).resolve().parent == empty / "reproductions/mine/phase3"
        assert phase.path_of(name).read_bytes() == shipped.path_of(name).read_bytes()
    assert not phase.own_record.exists()
    assert phase.record_file == phase.file.parent / "phase3/embedded.recorded.json"
    assert main(["run", "mine"]) == 0
    assert "4 completed" in capsys.readouterr().out
    assert main(["record", "mine"]) == 0

    (empty / "reproductions/mine/embedded.toml").unlink()
    (empty / "reproductions/mine/phase3/baseline.toml").write_text("# edited")
    assert main(["derive", "phase3", "mine", "--config", "baseline", "--set", "algorithm.epochs=1"]) == 2
    assert "baseline.toml: is there already, and is not " in capsys.readouterr().err
    assert (empty / "reproductions/mine/phase3/baseline.toml").read_text() == "# edited"


def test_a_projects_own_phase_goes_first_and_two_shipped_ones_of_a_name_are_refused(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        ship(monkeypatch, project, tmp_path / name, name)
    other = tmp_path / "other"
    (other / "reproductions").mkdir(parents=True)

    assert open_phase("phase3", "embedded", project).file.is_relative_to(project)
    assert known_phases(project)["phase3"]["embedded"].is_relative_to(project)
    with pytest.raises(PluginError, match=r"'phase3' is shipped by rephase-one 1\.0 and rephase-two 1\.0; uninst"):
        open_phase("phase3", "embedded", other)


def test_phases_of_a_package_that_is_not_there_are_none(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, tmp_path / "site", "rephase-one", source=SHIPS.format(package="no_such.package"))
    assert shipped_phases() == ()
    with pytest.raises(UnknownName, match="unknown phase 'phase33'"):
        open_phase("phase33", "embedded", project)


SHIPS = """
from rephase.plugins import PhasesOffer, hookimpl

@hookimpl
def rephase_phases():
    return [PhasesOffer("{package}", "a fake")]
"""


def ship(patch: pytest.MonkeyPatch, project: Path, site: Path, name: str) -> Path:
    """Install a distribution that ships the project's phases; returns where."""
    install(patch, site, f"rephase-{name}", source=SHIPS.format(package=f"{name}_phases"))
    shutil.copytree(project / "reproductions", site / f"{name}_phases" / "reproductions")
    return site


def test_the_distribution_of_the_phases_holds_what_the_manifests_name(tmp_path: Path) -> None:
    source = tmp_path / "reproductions"
    shutil.copytree(ROOT / "reproductions", source, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    script = (
        "import os, sys\nfrom setuptools import build_meta\nos.chdir(sys.argv[1])\nbuild_meta.build_wheel(sys.argv[2])"
    )
    subprocess.run([sys.executable, "-c", script, source, tmp_path], check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "site")
    laid_down = tmp_path / "site" / "rephase_reproductions"
    [named] = (tmp_path / "site").glob("*.dist-info/entry_points.txt")
    assert "rephase_reproductions.reproductions.offers" in named.read_text()
    assert (laid_down / "reproductions" / "offers.py").is_file()

    assert known_phases(laid_down).keys() == known_phases(ROOT).keys()
    for name, scales in known_phases(laid_down).items():
        for scale in scales:
            phase = open_phase(name, scale, laid_down)
            original = open_phase(name, scale, ROOT)
            assert phase.digest == original.digest
            needed = [phase.path_of(each) for each in phase.manifest.inputs if original.path_of(each).is_file()]
            recorded = original.file.parent / original.manifest.recorded
            needed += [phase.file.parent / phase.manifest.recorded] if recorded.is_file() else []
            assert [path for path in needed if not path.is_file()] == []


def test_a_phase_is_a_folder_with_a_manifest_at_a_scale(tmp_path: Path) -> None:
    reproductions = tmp_path / "reproductions"
    for name in ("b/logged.toml", "b/embedded.toml", "a/embedded.toml", "configs/x.toml", "c/huge.toml", "b/notes.md"):
        (reproductions / name).parent.mkdir(parents=True, exist_ok=True)
        (reproductions / name).touch()

    found = known_phases(tmp_path)

    assert [(name, list(scales)) for name, scales in found.items()] == [
        ("a", ["embedded"]),
        ("b", ["embedded", "logged"]),
    ]
    assert found["b"]["logged"] == reproductions / "b/logged.toml"


def test_the_shipped_phases_are_all_found_and_open() -> None:
    found = known_phases(ROOT)

    assert {"phase3", "phase4", "phase5"} <= set(found)
    for name, scales in found.items():
        for scale, path in scales.items():
            phase = open_phase(name, scale, ROOT)
            assert (phase.file, phase.manifest.phase, phase.manifest.scale) == (path, name, scale)


def test_a_path_is_opened_wherever_it_lies(project: Path) -> None:
    path = project / "reproductions/phase3/embedded.toml"

    assert open_phase(str(path), "logged", Path("/nowhere")).file == path


def test_an_unknown_phase_or_scale_is_refused_with_the_known_ones(project: Path) -> None:
    with pytest.raises(UnknownName) as phase:
        open_phase("phase33", "embedded", project)
    with pytest.raises(UnknownName) as scale:
        open_phase("phase3", "logged", project)

    assert str(phase.value) == "unknown phase 'phase33'; did you mean 'phase3'? (rephase show shows all)"
    assert str(scale.value) == "phase3: unknown scale 'logged'; known: embedded"


def test_unknown_tasks_are_named_all_at_once(project: Path) -> None:
    path = project / "reproductions/phase3/tasks.toml"
    text = (project / "reproductions/phase3/embedded.toml").read_text()
    path.write_text(text.replace('["reacher-easy", "cheetah-run"]', '["reacher-eazy", "cheetah-run", "flying"]'))

    with pytest.raises(ManifestError) as caught:
        open_phase(str(path), "embedded", project)

    first, second = (str(problem) for problem in caught.value.problems)
    assert first == "tasks[0]: unknown task 'reacher-eazy'; did you mean 'reacher-easy'?"
    assert second.startswith("tasks[2]: unknown task 'flying'; known: acrobot-swingup, ")
