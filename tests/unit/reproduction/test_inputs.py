"""Inputs are compared with what was pinned before anything is loaded; what is missing says where it comes from."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from fakes.projects import make_project
from fetching_phases import COMMIT, CONTENT, DIGEST, hub_input
from fetching_phases import phase as hub_phase

from rephase.errors import CannotRunHere, InputMismatch
from rephase.manifest import Phase
from rephase.manifest.fetched import FetchLock, PinnedInput, fetch_lock_path, format_fetch_lock
from rephase.manifest.hashing import file_digest
from rephase.manifest.lock import Lock
from rephase.manifest.schema import PENDING, Input
from rephase.reproduction.inputs import verify_inputs
from rephase.reproduction.phases import open_phase

OTHER = "sha256:" + "0" * 64


@pytest.fixture
def miniature(tmp_path: Path) -> Phase:
    return open_phase("phase3", "embedded", make_project(tmp_path))


def pending(tmp_path: Path, sha256: str = PENDING) -> Phase:
    """A phase whose world model comes from the hub and is there."""
    found = hub_phase(tmp_path, world_model=hub_input(sha256))
    use = attrs.evolve(found.manifest.configs["baseline"], world_model="world-model", start_states="")
    found = attrs.evolve(found, manifest=attrs.evolve(found.manifest, configs={"baseline": use}))
    path = found.path_of("world-model")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(CONTENT)
    return found


def lock(inputs: dict[str, str]) -> Lock:
    return Lock(phase="phase3", scale="logged", manifest_digest=OTHER, configs={}, inputs=inputs, plugins={})


def without(phase: Phase, name: str, **changes: str) -> Phase:
    """The phase with an input's file gone and its origin changed."""
    phase.path_of(name).unlink()
    inputs = {**phase.manifest.inputs, name: attrs.evolve(phase.manifest.inputs[name], **changes)}
    return attrs.evolve(phase, manifest=attrs.evolve(phase.manifest, inputs=inputs))


def message(phase: Phase, against: Lock | None = None) -> str:
    with pytest.raises((CannotRunHere, InputMismatch)) as caught:
        verify_inputs(phase, ["baseline"], against)
    return str(caught.value).replace(str(phase.file.parent.parent.resolve()), "...")


def test_every_input_of_the_configs_is_digested_once(miniature: Phase) -> None:
    found = verify_inputs(miniature, ["baseline", "flowpolicy"], None)

    assert list(found) == ["world-model", "start-states"]
    assert found == {name: file_digest(miniature.path_of(name)) for name in found}
    assert found == {name: miniature.manifest.inputs[name].sha256 for name in found}


def test_inputs_of_other_configs_are_not_looked_at(miniature: Phase) -> None:
    other = {"other": Input(sha256=OTHER, path="nowhere.bin")}
    manifest = attrs.evolve(miniature.manifest, inputs={**miniature.manifest.inputs, **other})

    assert "other" not in verify_inputs(attrs.evolve(miniature, manifest=manifest), ["baseline"], None)
    assert verify_inputs(miniature, [], None) == {}


def test_a_changed_file_is_refused_with_both_digests(miniature: Phase) -> None:
    path = miniature.path_of("world-model")
    pinned = miniature.manifest.inputs["world-model"].sha256
    with path.open("ab") as stream:
        stream.write(b"x")

    assert message(miniature) == (
        f".../embedded/world_model.safetensors: the input 'world-model' is {file_digest(path)}, expected {pinned}; "
        "nothing was loaded from it; restore the file, for example with git"
    )


@pytest.mark.parametrize(
    ("origin", "remedy"),
    [
        ({}, "restore the file, for example with git"),
        ({"made_by": "python make.py"}, "'python make.py' makes it"),
        ({"url": "https://example.org/f"}, "'rephase fetch phase3 --scale embedded' gets it"),
        (
            {"repo": "a/b", "filename": "f.pt", "revision": COMMIT},
            "'rephase fetch phase3 --scale embedded' gets it from the hub repository a/b, file f.pt, "
            f"revision {COMMIT}",
        ),
    ],
)
def test_a_missing_file_says_where_it_comes_from(miniature: Phase, origin: dict[str, str], remedy: str) -> None:
    assert message(without(miniature, "world-model", **origin)) == (
        f".../embedded/world_model.safetensors: the input 'world-model' is not there; {remedy}"
    )


def test_a_pending_input_nobody_pinned_is_only_digested(tmp_path: Path) -> None:
    phase = pending(tmp_path)

    assert verify_inputs(phase, ["baseline"], None) == {"world-model": DIGEST}
    assert verify_inputs(phase, ["baseline"], lock({})) == {"world-model": DIGEST}


def test_a_pending_input_is_held_to_the_lock_of_earlier_runs(tmp_path: Path) -> None:
    phase = pending(tmp_path)

    assert verify_inputs(phase, ["baseline"], lock({"world-model": DIGEST})) == {"world-model": DIGEST}
    said = message(phase, lock({"world-model": OTHER}))
    assert f"the input 'world-model' is {DIGEST}, expected {OTHER}; nothing was loaded from it" in said
    assert said.endswith("restore the file; 'rephase fetch phase3 --scale logged' gets it")


def test_what_fetching_pinned_binds_more_than_the_lock(tmp_path: Path) -> None:
    phase = pending(tmp_path)
    fetched = FetchLock(inputs={"world-model": PinnedInput(sha256=DIGEST, source="hub", revision=COMMIT)})
    fetch_lock_path(phase.file).write_text(format_fetch_lock(fetched))

    assert verify_inputs(phase, ["baseline"], lock({"world-model": OTHER})) == {"world-model": DIGEST}
    phase.path_of("world-model").write_bytes(b"another")
    assert f"expected {DIGEST}" in message(phase)


def test_a_digest_in_the_manifest_is_not_softened_by_any_lock(tmp_path: Path) -> None:
    assert f"is {DIGEST}, expected {OTHER}" in message(pending(tmp_path, OTHER), lock({"world-model": DIGEST}))
