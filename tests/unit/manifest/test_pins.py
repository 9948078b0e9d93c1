"""Who says what an input must be: the manifest alone, the lock beside it, or that of a neighbour with the same file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fakes.projects import make_project

from rephase.errors import InputMismatch
from rephase.manifest import Phase, read_phase
from rephase.manifest.fetched import FetchLock, PinnedInput, fetch_lock_path, format_fetch_lock
from rephase.manifest.hashing import file_digest
from rephase.manifest.pins import Pin, pin_of, require_pinned, require_size

DIGEST, OTHER = "sha256:" + "ab" * 32, "sha256:" + "cd" * 32


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("pins")) / "reproductions"


@pytest.fixture
def pending(shared: Path, tmp_path: Path) -> Phase:
    """A phase whose world model nobody has pinned, with a neighbour of the same inputs."""
    project = shutil.copytree(shared, tmp_path / "reproductions")
    text = (project / "phase3/embedded.toml").read_text()
    digest = text.split('sha256 = "')[1].split('"')[0]
    pinned = f'repo = "a/b"\nrevision = "{"c" * 40}"\nfilename = "x"\npending_because = "nobody has it"'
    text = text.replace(f'sha256 = "{digest}"', f'sha256 = "pending"\n{pinned}')
    for name in ("phase3", "phase4"):
        (project / name).mkdir(exist_ok=True)
        (project / name / "embedded.toml").write_text(text.replace('"phase3"', f'"{name}"'))
    return read_phase(project / "phase3/embedded.toml")


def lock(manifest: Path, **pinned: object) -> None:
    values = {"sha256": DIGEST, "source": "hub"} | pinned
    fetch_lock_path(manifest).write_text(format_fetch_lock(FetchLock(inputs={"world-model": PinnedInput(**values)})))


def test_the_manifests_digest_binds_alone(shared: Path) -> None:
    phase = read_phase(shared / "phase3/embedded.toml")
    pin = pin_of(phase, "world-model")
    assert pin is not None
    assert (pin.sha256, pin.origin) == (phase.input("world-model").sha256, "manifest")


def test_a_pending_input_is_bound_by_its_own_lock_before_a_neighbours(pending: Phase) -> None:
    assert pin_of(pending, "world-model") is None
    lock(pending.file.parent.parent / "phase4/embedded.toml", sha256=OTHER, source="made", made_from={"chunk": DIGEST})
    neighbour = pin_of(pending, "world-model")
    assert neighbour is not None
    assert neighbour.sha256 == OTHER
    assert neighbour.origin.startswith("made here from chunk (")
    lock(pending.file, revision="c" * 40, size=5)
    own = pin_of(pending, "world-model")
    assert own is not None
    assert (own.sha256, own.size, own.revision) == (DIGEST, 5, "c" * 40)
    assert own.origin.startswith("the hub's metadata")


def test_a_neighbours_damage_is_not_this_phases(pending: Phase) -> None:
    fetch_lock_path(pending.file.parent.parent / "phase4/embedded.toml").write_text("{")
    assert pin_of(pending, "world-model") is None


def test_a_file_is_refused_by_its_size_before_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    digest = file_digest(path)
    assert require_pinned(path, "it", Pin(sha256=digest, size=5), "", "") == digest
    require_size(path, "it", 0, "")
    with pytest.raises(InputMismatch, match="has 5 bytes, expected 1,000; it was not read"):
        require_pinned(path, "it", Pin(sha256=DIGEST, size=1000), "", "")
    with pytest.raises(InputMismatch, match=f"'it' is {digest}, expected {DIGEST}; nothing was kept; fetch it"):
        require_pinned(path, "it", Pin(sha256=DIGEST), "fetch it", "nothing was kept")
