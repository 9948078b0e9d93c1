"""What fetching pinned comes back from its file, and a damaged one is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rephase.errors import InvalidRecord
from rephase.manifest.fetched import FetchLock, PinnedInput, fetch_lock_path, format_fetch_lock, read_fetch_lock

DIGEST = "sha256:" + "ab" * 32
LOCK = FetchLock(
    inputs={
        "world-model": PinnedInput(sha256=DIGEST, source="hub", revision="c" * 40, size=7),
        "store": PinnedInput(sha256=DIGEST, source="made", made_from={"chunk": DIGEST}),
    }
)


def test_it_lies_beside_the_manifest_and_comes_back(tmp_path: Path) -> None:
    manifest = tmp_path / "logged.toml"
    assert read_fetch_lock(manifest) == FetchLock()
    fetch_lock_path(manifest).write_text(format_fetch_lock(LOCK))
    assert (tmp_path / "logged.lock.json").is_file()
    assert read_fetch_lock(manifest) == LOCK
    assert read_fetch_lock(manifest).digest_of("store") == DIGEST
    assert read_fetch_lock(manifest).digest_of("another") is None


def test_what_says_nothing_is_not_written() -> None:
    written = json.loads(format_fetch_lock(LOCK))["inputs"]
    assert sorted(written["store"]) == ["made_from", "sha256", "source"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [({"sha256": "ab"}, "expected sha256:"), ({"source": "hearsay"}, "source"), ({"size": -1}, "size")],
)
def test_a_pin_that_may_not_be_is_refused(change: dict[str, object], problem: str, tmp_path: Path) -> None:
    content = {"schema": 1, "inputs": {"a": {"sha256": DIGEST, "source": "hub"} | change}}
    fetch_lock_path(tmp_path / "logged.toml").write_text(json.dumps(content))
    with pytest.raises(InvalidRecord, match=f"is no lock.*{problem}"):
        read_fetch_lock(tmp_path / "logged.toml")


def test_another_shape_is_refused(tmp_path: Path) -> None:
    path = fetch_lock_path(tmp_path / "logged.toml")
    path.write_text('{"schema": 2}')
    with pytest.raises(InvalidRecord, match="has schema 2, this version reads schema 1"):
        read_fetch_lock(tmp_path / "logged.toml")
    path.write_text("{")
    with pytest.raises(InvalidRecord, match="restore it with git"):
        read_fetch_lock(tmp_path / "logged.toml")
