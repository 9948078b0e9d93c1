from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from attrs import evolve
from fetching_phases import COMMIT, CONTENT, DIGEST, DictionaryHub, hub_input, phase

from rephase.errors import CannotRunHere, InputMismatch, UnknownName, UsageError
from rephase.manifest.fetched import FetchLock, PinnedInput, fetch_lock_path, format_fetch_lock, read_fetch_lock
from rephase.manifest.schema import Input
from rephase.reproduction.datasets import pin_made
from rephase.reproduction.fetching import assign_files, fetch_phase
from rephase.reproduction.hub import HubUnreachable
from rephase.reproduction.inputs import verify_inputs

OTHER = "sha256:" + "0" * 64


@pytest.fixture
def hub(tmp_path: Path) -> DictionaryHub:
    return DictionaryHub(tmp_path / "cache")


def quiet(line: str) -> None:
    raise AssertionError(f"nothing was to be said, but: {line}")


def test_a_pinned_file_is_fetched_verified_and_put_in_place(tmp_path: Path, hub: DictionaryHub) -> None:
    found = fetch_phase(phase(tmp_path / "p", world_model=hub_input(DIGEST)), hub, {}, quiet)
    path = tmp_path / "p" / "inputs" / "model.pt"
    assert path.read_bytes() == CONTENT
    assert [(one.name, one.path, one.sha256, one.source, one.pinned_now) for one in found] == [
        ("world-model", path, DIGEST, "hub", False)
    ]
    assert hub.asked == [
        f"describe someone/pwm model multitask/model.pt {COMMIT}",
        f"get someone/pwm model multitask/model.pt {COMMIT}",
    ]
    assert not (tmp_path / "p" / "logged.lock.json").exists()
    assert path.samefile(tmp_path / "cache" / "blob")  # 44 GB are not stored twice


def test_what_is_there_is_verified_again_without_the_hub(tmp_path: Path, hub: DictionaryHub) -> None:
    one = phase(tmp_path / "p", world_model=hub_input(DIGEST))
    fetch_phase(one, hub, {}, quiet)
    hub.asked.clear()
    assert [found.source for found in fetch_phase(one, hub, {}, quiet)] == ["present"]
    assert hub.asked == []
    (tmp_path / "p" / "inputs" / "model.pt").unlink()
    (tmp_path / "p" / "inputs" / "model.pt").write_bytes(b"tampered with")
    with pytest.raises(InputMismatch) as caught:
        fetch_phase(one, hub, {}, quiet)
    assert str(caught.value).endswith(
        f"expected {DIGEST}; it is not used; remove the file and fetch again, or give the right one with --from FILE"
    )


def test_an_unrecorded_digest_is_pinned_once_and_loudly(tmp_path: Path, hub: DictionaryHub) -> None:
    one = phase(tmp_path / "p", world_model=hub_input())
    said: list[str] = []
    found = fetch_phase(one, hub, {}, said.append)
    assert found[0].pinned_now
    lock = tmp_path / "p" / "logged.lock.json"
    assert json.loads(lock.read_text()) == {
        "inputs": {"world-model": {"revision": COMMIT, "sha256": DIGEST, "size": len(CONTENT), "source": "hub"}},
        "schema": 1,
    }
    assert said == [
        f"PINNED world-model: the log recorded no digest. It is {DIGEST} from someone/pwm, file multitask/model.pt, "
        f"revision {COMMIT}. This is now in {lock} and binds every later fetch and run; commit that file"
    ]
    assert [again.pinned_now for again in fetch_phase(one, hub, {}, quiet)] == [False]


def test_the_lock_binds_later_fetches_and_runs(tmp_path: Path, hub: DictionaryHub) -> None:
    one = phase(tmp_path / "p", world_model=hub_input(), start_states=hub_input(DIGEST))
    fetch_phase(one, hub, {}, lambda line: None)
    path = tmp_path / "p" / "inputs" / "model.pt"
    assert verify_inputs(one, ["baseline"], None)["world-model"] == DIGEST
    path.unlink()
    path.write_bytes(CONTENT[::-1])
    with pytest.raises(InputMismatch, match=f"expected {DIGEST}"):
        verify_inputs(one, ["baseline"], None)
    path.unlink()
    hub.content = b"the branch was force-pushed"
    with pytest.raises(InputMismatch, match=f"the hub's file is sha256:\\w+, expected {DIGEST}; nothing was fetched"):
        fetch_phase(one, hub, {}, lambda line: None)
    assert not path.exists()


def test_a_hub_that_says_another_digest_than_the_manifest_is_refused(tmp_path: Path, hub: DictionaryHub) -> None:
    with pytest.raises(InputMismatch) as caught:
        fetch_phase(phase(tmp_path / "p", world_model=hub_input(OTHER)), hub, {}, quiet)
    assert str(caught.value) == (
        f"someone/pwm, file multitask/model.pt, revision {COMMIT}: the hub's file is {DIGEST}, expected {OTHER}; "
        "nothing was fetched; check revision and digest in the manifest and the lock"
    )
    assert hub.asked == [f"describe someone/pwm model multitask/model.pt {COMMIT}"]


def test_a_file_without_a_digest_on_the_hub_is_hashed_here(tmp_path: Path) -> None:
    hub = DictionaryHub(tmp_path / "cache", tagged=False)
    assert fetch_phase(phase(tmp_path / "p", world_model=hub_input(DIGEST)), hub, {}, quiet)[0].sha256 == DIGEST
    with pytest.raises(InputMismatch, match=f"the input 'world-model' is {DIGEST}, expected {OTHER}; it is not used"):
        fetch_phase(phase(tmp_path / "q", world_model=hub_input(OTHER)), hub, {}, quiet)
    assert not (tmp_path / "q" / "inputs").exists()
    with pytest.raises(CannotRunHere, match="nobody recorded a digest of the input 'world-model', and the hub gives"):
        fetch_phase(phase(tmp_path / "r", world_model=hub_input()), hub, {}, quiet)


def test_it_works_offline_from_the_cache(tmp_path: Path, hub: DictionaryHub) -> None:
    one = phase(tmp_path / "p", world_model=hub_input())
    fetch_phase(one, hub, {}, lambda line: None)
    path = tmp_path / "p" / "inputs" / "model.pt"
    path.unlink()
    hub.reachable = False
    said: list[str] = []
    assert [found.source for found in fetch_phase(one, hub, {}, said.append)] == ["cache"]
    assert said == ["world-model: the hub cannot be reached (no route); looking among what was fetched earlier"]
    path.unlink()
    hub.asked.clear()
    assert [found.source for found in fetch_phase(one, hub, {}, quiet, offline=True)] == ["cache"]
    assert hub.asked == [f"get someone/pwm model multitask/model.pt {COMMIT} offline"]


def test_offline_without_a_cache_says_what_to_do(tmp_path: Path, hub: DictionaryHub) -> None:
    with pytest.raises(HubUnreachable, match="the hub cannot be reached, and the cache does not hold it"):
        fetch_phase(phase(tmp_path / "p", world_model=hub_input(DIGEST)), hub, {}, quiet, offline=True)
    with pytest.raises(CannotRunHere) as caught:
        fetch_phase(phase(tmp_path / "p", world_model=hub_input()), hub, {}, quiet, offline=True)
    assert str(caught.value) == (
        f"someone/pwm, file multitask/model.pt, revision {COMMIT}: nobody recorded a digest of the input "
        "'world-model', and the hub gives none now; fetch while the hub can be reached, or give the file with "
        "--from FILE"
    )


def test_a_branch_is_resolved_to_a_commit_which_is_then_pinned(tmp_path: Path, hub: DictionaryHub) -> None:
    one = phase(tmp_path / "p", world_model=hub_input(revision="main"))
    fetch_phase(one, hub, {}, lambda line: None)
    assert hub.asked[-1] == f"get someone/pwm model multitask/model.pt {COMMIT}"
    assert read_fetch_lock(one.file).inputs["world-model"].revision == COMMIT
    unpinned = phase(tmp_path / "q", world_model=hub_input(DIGEST, revision="main"))
    with pytest.raises(CannotRunHere, match="revision 'main' is no full commit, and the hub does not say which"):
        fetch_phase(unpinned, hub, {}, quiet, offline=True)


def test_a_given_file_is_verified_and_copied(tmp_path: Path, hub: DictionaryHub) -> None:
    given = tmp_path / "usb" / "model.pt"
    given.parent.mkdir()
    given.write_bytes(CONTENT)
    one = phase(tmp_path / "p", world_model=hub_input(DIGEST))
    found = fetch_phase(one, hub, assign_files(one, [str(given)]), quiet)
    assert (found[0].source, hub.asked) == ("file", [])
    assert found[0].path.read_bytes() == CONTENT
    assert not found[0].path.samefile(given)
    bad = phase(tmp_path / "q", world_model=hub_input(OTHER))
    with pytest.raises(InputMismatch) as caught:
        fetch_phase(bad, hub, {"world-model": given}, quiet)
    assert str(caught.value) == (
        f"{given}: the input 'world-model' is {DIGEST}, expected {OTHER}; it is not used; "
        "remove the file and fetch again, or give the right one with --from FILE"
    )
    assert os.listdir(tmp_path / "q") == []


def test_a_given_file_pins_an_unrecorded_digest_and_says_it_was_not_compared(
    tmp_path: Path, hub: DictionaryHub
) -> None:
    given = tmp_path / "model.pt"
    given.write_bytes(CONTENT)
    one = phase(tmp_path / "p", world_model=hub_input())
    said: list[str] = []
    fetch_phase(one, hub, {"world-model": given}, said.append)
    assert f"It is {DIGEST} from {given}, not compared with the hub." in said[0]
    assert read_fetch_lock(one.file).inputs["world-model"].source == "file"
    (tmp_path / "p" / "inputs" / "model.pt").unlink()
    hub.content = b"something else"
    with pytest.raises(InputMismatch, match="the hub's file is"):
        fetch_phase(one, hub, {}, quiet)


def test_files_are_recognised_by_name_or_named(tmp_path: Path) -> None:
    one = phase(tmp_path / "p", world_model=hub_input(), start_states=Input(sha256=DIGEST, path="starts.safetensors"))
    assert assign_files(one, ["a/model.pt", "start-states=b/x"]) == {
        "world-model": Path("a/model.pt"),
        "start-states": Path("b/x"),
    }
    with pytest.raises(UsageError) as caught:
        assign_files(one, ["a/other.pt"])
    assert str(caught.value) == (
        "--from: other.pt is the name of no input of phase3-logged; "
        "write INPUT=FILE, where INPUT is one of start-states, world-model"
    )
    with pytest.raises(UnknownName, match=r"unknown input 'world-modle'; did you mean 'world-model'\?"):
        assign_files(one, ["world-modle=x"])
    with pytest.raises(UsageError, match="two files are given for the input 'world-model'"):
        assign_files(one, ["world-model=x", "model.pt"])


def test_an_input_no_hub_has_is_named(tmp_path: Path, hub: DictionaryHub) -> None:
    one = phase(tmp_path / "p", start_states=Input(sha256=DIGEST, path="starts", url="https://example.org/starts"))
    with pytest.raises(CannotRunHere) as caught:
        fetch_phase(one, hub, {}, quiet)
    assert str(caught.value) == (
        f"{tmp_path}/p/starts: the input 'start-states' is not there, and no hub has it; "
        "get https://example.org/starts and give it with --from FILE"
    )


def test_a_full_disk_leaves_nothing(tmp_path: Path, hub: DictionaryHub, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rephase.reproduction.fetching.os.link", full)
    monkeypatch.setattr("rephase.reproduction.fetching.shutil.copyfileobj", full)
    with pytest.raises(CannotRunHere, match=r"cannot be written \(No space left on device\); fix that and fetch"):
        fetch_phase(phase(tmp_path / "p", world_model=hub_input(DIGEST)), hub, {}, quiet)
    assert os.listdir(tmp_path / "p" / "inputs") == []


def test_without_links_the_file_is_copied(tmp_path: Path, hub: DictionaryHub, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("rephase.reproduction.fetching.os.link", refuse)
    found = fetch_phase(phase(tmp_path / "p", world_model=hub_input(DIGEST)), hub, {}, quiet)
    assert found[0].path.read_bytes() == CONTENT
    assert not found[0].path.samefile(tmp_path / "cache" / "blob")


def test_an_input_that_is_made_is_named_with_its_command(tmp_path: Path, hub: DictionaryHub) -> None:
    made = Input(sha256="pending", path="starts", pending_because="drawn here", made_by="rephase import-dataset x")
    one = phase(tmp_path / "p", start_states=made, world_model=hub_input(DIGEST))
    said: list[str] = []
    assert [(found.source, found.sha256) for found in fetch_phase(one, hub, {}, said.append)] == [
        ("to be made", ""),
        ("hub", DIGEST),
    ]
    assert said == ["start-states: not fetched but made; 'rephase import-dataset x' makes it"]
    with pytest.raises(CannotRunHere) as caught:
        verify_inputs(one, ["baseline"], None)
    assert str(caught.value).endswith(": the input 'start-states' is not there; 'rephase import-dataset x' makes it")
    (tmp_path / "p" / "starts").write_bytes(CONTENT)
    assert [found.source for found in fetch_phase(one, hub, {}, quiet)] == ["present", "present"]


def test_one_file_that_cannot_be_had_does_not_keep_the_others_away(tmp_path: Path, hub: DictionaryHub) -> None:
    absent = Input(sha256=DIGEST, path="absent")
    one = phase(tmp_path / "p", a=absent, b=absent, world_model=hub_input(DIGEST))
    said: list[str] = []
    with pytest.raises(CannotRunHere, match="the input 'a' is not there"):
        fetch_phase(one, hub, {}, said.append)
    assert len(said) == 1
    assert said[0].startswith(f"b: {tmp_path}/p/absent: the input 'b' is not there")
    assert (tmp_path / "p" / "inputs" / "model.pt").read_bytes() == CONTENT


def test_a_file_of_another_size_is_refused_before_it_is_hashed(
    tmp_path: Path, hub: DictionaryHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = tmp_path / "model.pt"
    given.write_bytes(CONTENT)
    one = phase(tmp_path / "p", world_model=evolve(hub_input(DIGEST), size=442_993_022))
    monkeypatch.setattr("rephase.manifest.pins.file_digest", None)
    with pytest.raises(InputMismatch) as caught:
        fetch_phase(one, hub, {"world-model": given}, quiet)
    assert str(caught.value) == (
        f"{given}: the input 'world-model' has 24 bytes, expected 442,993,022; it was not read; "
        "remove the file and fetch again, or give the right one with --from FILE"
    )
    with pytest.raises(InputMismatch, match="the hub's file is 24 bytes, expected 442,993,022 bytes; nothing was"):
        fetch_phase(one, hub, {}, quiet)
    assert not (tmp_path / "p" / "inputs").exists()


def test_a_pinned_manifest_wins_over_a_stale_lock(tmp_path: Path, hub: DictionaryHub) -> None:
    one = phase(tmp_path / "p", world_model=hub_input(DIGEST))
    stale = FetchLock(inputs={"world-model": PinnedInput(sha256=OTHER, source="hub", revision="f" * 40)})
    fetch_lock_path(one.file).write_text(format_fetch_lock(stale))
    assert fetch_phase(one, hub, {}, quiet)[0].sha256 == DIGEST
    assert hub.asked == [
        f"describe someone/pwm model multitask/model.pt {COMMIT}",
        f"get someone/pwm model multitask/model.pt {COMMIT}",
    ]


def test_what_another_phase_pinned_serves_this_one(tmp_path: Path, hub: DictionaryHub) -> None:
    """Phase 3 fetched the file, and made another; Phase 4 takes both without asking anybody."""
    shared = evolve(hub_input(), path="../inputs/model.pt")
    made = Input(sha256="pending", path="../inputs/store", pending_because="made here", made_by="import it")
    third, fourth = (phase(tmp_path / name, weights=shared, store=made) for name in ("phase3", "phase4"))
    for one in (third, fourth):
        one.file.write_text('[inputs.weights]\npath = "../inputs/model.pt"\n[inputs.store]\npath = "../inputs/store"\n')
    fetch_phase(third, hub, {}, lambda line: None)
    third.path_of("store").write_bytes(b"a store")
    pin_made(third, third.path_of("store"), {"weights": DIGEST}, lambda line: None)
    hub.asked.clear()
    found = {one.name: one for one in fetch_phase(fourth, hub, {}, quiet, offline=True)}
    assert hub.asked == []
    assert {name: (one.source, one.pinned_now) for name, one in found.items()} == {
        "store": ("present", False),
        "weights": ("present", False),
    }
    lock = tmp_path / "phase3" / "logged.lock.json"
    assert found["store"].origin == f"made here from weights ({lock})"
    assert found["weights"].origin == f"the hub's metadata at the first fetch ({lock})"
    assert not (tmp_path / "phase4" / "logged.lock.json").exists()
    fourth.path_of("store").write_bytes(b"a stare")
    with pytest.raises(InputMismatch, match="the input 'store' is"):
        fetch_phase(fourth, hub, {}, quiet)
