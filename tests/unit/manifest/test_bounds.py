"""Nothing a manifest names leads out of its project: refused when it is read, wherever links and ``..`` lead."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from fakes.projects import make_project

from rephase.cli.main import main
from rephase.errors import ManifestError
from rephase.manifest import read_phase

ROOT = Path(__file__).parents[3]
WORLD_MODEL = 'path = "../embedded/world_model.safetensors"'


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("original"))


@pytest.fixture
def project(original: Path, tmp_path: Path) -> Path:
    shutil.copytree(original, tmp_path / "project")
    (tmp_path / "secret.txt").write_text("nobody's business")
    return tmp_path / "project"


def manifest_of(project: Path) -> Path:
    return project / "reproductions/phase3/embedded.toml"


def edit(project: Path, old: str, new: str) -> Path:
    path = manifest_of(project)
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ManifestError) as caught:
        read_phase(path)
    [problem] = caught.value.problems
    return str(problem)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        (WORLD_MODEL, 'path = "../../../secret.txt"', "inputs.world-model.path"),
        ('file = "../configs/baseline.toml"', 'file = "../../../secret.txt"', "configs.baseline.file"),
        ('recorded = "embedded.recorded.json"', 'recorded = "../../../secret.txt"', "recorded"),
    ],
)
def test_a_path_that_leads_out_is_refused_by_file_and_key(project: Path, old: str, new: str, key: str) -> None:
    secret = project.parent / "secret.txt"

    assert refusal(edit(project, old, new)) == (
        f"{key}: '../../../secret.txt' leads to {secret}, expected a file in reproductions/ or inputs/ of {project}; "
        f"move it there, or allow its folder with REPHASE_INPUTS={project.parent}"
    )
    assert f"{key}: '{secret}' leads to {secret}" in refusal(edit(project, "../../../secret.txt", str(secret)))


@pytest.mark.parametrize(
    ("link", "key"),
    [
        ("reproductions/embedded/world_model.safetensors", "inputs.world-model.path"),
        ("reproductions/configs/baseline.toml", "configs.baseline.file"),
        ("reproductions/phase3/embedded.recorded.json", "recorded"),
    ],
)
def test_a_link_is_followed_before_it_is_believed(project: Path, link: str, key: str) -> None:
    path = project / link
    path.unlink(missing_ok=True)
    path.symlink_to(project.parent / "secret.txt")

    found = refusal(manifest_of(project))
    assert found.startswith(f"{key}: ")
    assert f"leads to {project.parent / 'secret.txt'}, " in found


@pytest.mark.parametrize("beside", ["embedded.recorded.json", "embedded.lock.json"])
def test_files_beside_a_manifest_that_it_does_not_name_may_not_lead_out(project: Path, beside: str) -> None:
    edit(project, 'recorded = "embedded.recorded.json"\n', "")
    assert read_phase(manifest_of(project)).runs()

    manifest_of(project).with_name(beside).symlink_to(project.parent / "secret.txt")

    assert refusal(manifest_of(project)).startswith(f"{beside}: '{beside}' leads to ")


def test_a_folder_of_inputs_that_the_project_links_is_not_the_users_word(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = project.parent / "scratch"
    scratch.mkdir()
    shutil.move(project / "reproductions/embedded/world_model.safetensors", scratch)
    (project / "inputs").symlink_to(scratch)
    path = edit(project, WORLD_MODEL, 'path = "../../inputs/world_model.safetensors"')
    assert f"leads to {scratch}/world_model.safetensors" in refusal(path)

    monkeypatch.setenv("REPHASE_INPUTS", os.pathsep.join(["/nowhere", str(scratch)]))
    assert read_phase(path).path_of("world-model").is_file()

    monkeypatch.delenv("REPHASE_INPUTS")
    (project / "inputs").unlink()
    shutil.move(scratch, project / "inputs")
    assert read_phase(path).path_of("world-model").is_file()


def test_a_manifest_by_its_path_may_use_its_own_folder_and_its_project(project: Path) -> None:
    (project / "tests/data").mkdir(parents=True)
    text = manifest_of(project).read_text()
    below = project / "tests/data/short.toml"
    below.write_text(text.replace('"../', '"../../reproductions/'))
    assert read_phase(below).runs()

    alone = project.parent / "alone"
    shutil.copytree(project / "reproductions/configs", alone / "configs")
    shutil.copytree(project / "reproductions/embedded", alone / "embedded")
    (alone / "mine.toml").write_text(text.replace('"../', '"'))
    assert read_phase(alone / "mine.toml").runs()

    (alone / "mine.toml").write_text(text.replace('"../', '"').replace(WORLD_MODEL.replace("../", ""), 'path = "../x"'))
    assert f"'../x' leads to {project.parent / 'x'}, expected a file in {alone};" in refusal(alone / "mine.toml")


def test_a_project_reached_by_a_link_or_by_dots_is_the_same_project(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.parent / "link").symlink_to(project)
    assert read_phase(manifest_of(project.parent / "link")).runs()
    monkeypatch.chdir(project / "reproductions")
    assert read_phase(Path("phase3/embedded.toml")).runs()
    assert read_phase(Path("../reproductions/phase3/embedded.toml")).runs()


@pytest.mark.parametrize(
    "words",
    [
        ["run"],
        ["record"],
        ["fetch", "--scale", "embedded"],
        ["export", "--to", "crate"],
        ["check"],
        ["show"],
        ["report"],
    ],
    ids=lambda words: words[0],
)
def test_no_command_reads_or_writes_what_a_manifest_leads_to_outside(
    project: Path, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    edit(project, 'recorded = "embedded.recorded.json"', 'recorded = "../../../secret.txt"')
    before = sorted(project.parent.rglob("*"))
    [command, *rest] = words

    assert main([command, "phase3", *rest]) == 2

    assert capsys.readouterr().err.startswith("rephase: reproductions/phase3/embedded.toml: recorded: '../../../secret")
    assert sorted(project.parent.rglob("*")) == before
    assert (project.parent / "secret.txt").read_text() == "nobody's business"


def test_shipped_manifests_stay_inside() -> None:
    for path in (ROOT / "reproductions").glob("*/*.toml"):
        if path.parent.name != "configs":
            assert read_phase(path).runs()
