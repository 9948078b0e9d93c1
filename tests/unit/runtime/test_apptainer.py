"""The edge to Apptainer, with a stand-in for the program; tests/cluster uses the real one."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from rephase.errors import CannotRunHere, InputMismatch, UsageError
from rephase.manifest.hashing import bytes_digest
from rephase.runtime.apptainer import (
    apptainer_version,
    build_command,
    build_image,
    inspect_image,
    read_digest,
    self_test,
    verify_image,
    write_digest,
)

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


def test_builds_with_arguments_in_order() -> None:
    command = build_command(Path("rephase.def"), Path("x.sif"), {"from": "base.sif", "accelerator": "cuda"})
    assert " ".join(command) == (
        "apptainer build --force --build-arg accelerator=cuda --build-arg from=base.sif x.sif rephase.def"
    )


@pytest.mark.parametrize(("name", "value"), [("a b", "x"), ("a", "x,y"), ("a", "x\ny"), ("", "x")])
def test_refuses_build_arguments_that_apptainer_would_misread(name: str, value: str) -> None:
    with pytest.raises(UsageError, match="write NAME=VALUE on one line without commas"):
        build_command(Path("d"), Path("i"), {name: value})


def test_a_build_appears_whole_and_says_its_digest(programs: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    image = build_image(tmp_path / "rephase.def", tmp_path / "out/rephase.sif", {"wheels": "none"}, lines.append)
    assert (image.digest, image.size) == (DIGEST, 5)
    assert image.labels == {"rephase.accelerator": "cpu"}
    assert image.definition == "Bootstrap: docker"
    assert "told wheels=none" in lines
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["rephase.sif"]


@pytest.mark.parametrize("body", ["exit 3", 'printf half > "$3"; exit 3', "exit 0"])
def test_a_failed_build_leaves_the_older_image_alone(programs: Path, tmp_path: Path, body: str) -> None:
    stand_in(programs / "apptainer", f'case "$1" in version) echo 1 ;; build) {body} ;; esac')
    image = tmp_path / "rephase.sif"
    image.write_bytes(b"older")
    with pytest.raises(CannotRunHere, match="and made no image; read the lines above"):
        build_image(tmp_path / "rephase.def", image, {}, lambda line: None)
    assert image.read_bytes() == b"older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["programs", "rephase.sif"]


def test_a_file_that_is_no_image_is_said(programs: Path, tmp_path: Path) -> None:
    stand_in(
        programs / "apptainer",
        'case "$1" in version | --version) echo 1 ;; *) echo "not an image" >&2; exit 255 ;; esac',
    )
    image = tmp_path / "rephase.sif"
    image.write_bytes(b"x")
    with pytest.raises(CannotRunHere) as caught:
        inspect_image(image)
    assert str(caught.value) == f"{image}: is not an image Apptainer can read; build it with `rephase image build`"


def test_says_when_apptainer_is_missing_or_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    message = (
        "apptainer: Apptainer is not installed or does not run; "
        "install Apptainer 1.2 or later, or load the cluster's module for it"
    )
    with pytest.raises(CannotRunHere) as missing:
        apptainer_version()
    assert str(missing.value) == message
    stand_in(tmp_path / "apptainer", "exit 1")
    with pytest.raises(CannotRunHere) as broken:
        apptainer_version()
    assert str(broken.value) == message


def test_verifies_by_digest(tmp_path: Path) -> None:
    image = tmp_path / "rephase.sif"
    with pytest.raises(CannotRunHere, match="there is no such image; build it with `rephase image build`"):
        verify_image(image, DIGEST)
    image.write_bytes(b"image")
    verify_image(image, DIGEST)
    image.write_bytes(b"imagE")
    with pytest.raises(InputMismatch) as caught:
        verify_image(image, DIGEST)
    assert str(caught.value) == (
        f"{image}: is image {bytes_digest(b'imagE')}, expected {DIGEST}; "
        "use the image that was pinned, or pin this one and run everything again"
    )


def test_remembers_the_digest_beside_the_image(tmp_path: Path) -> None:
    image = tmp_path / "rephase.sif"
    with pytest.raises(UsageError, match="nobody wrote down the image's digest"):
        read_digest(image)
    write_digest(image, DIGEST)
    assert read_digest(image) == DIGEST
    assert (tmp_path / "rephase.sif.sha256").read_text() == f"{DIGEST.removeprefix('sha256:')}  rephase.sif\n"
    (tmp_path / "rephase.sif.sha256").write_text("latest\n")
    with pytest.raises(UsageError, match="holds no sha256 digest; give --digest"):
        read_digest(image)


def test_the_images_own_test_gives_its_exit_code(programs: Path, tmp_path: Path) -> None:
    image = tmp_path / "rephase.sif"
    image.write_bytes(b"image")
    lines: list[str] = []
    assert self_test(image, lines.append) == 7
    assert lines == ["testing"]


def test_the_definition_and_the_list_of_bases_agree() -> None:
    with (ROOT / "containers/images.toml").open("rb") as file:
        base = tomllib.load(file)["base"]
    definition = (ROOT / "containers/rephase.def").read_text(encoding="utf-8")
    assert f"    bootstrap={base['bootstrap']}\n    from={base['from']}\n" in definition
    assert "@sha256:" in base["from"]
