"""What was pinned that the manifest does not pin: ``logged.lock.json`` beside ``logged.toml``.

Written by the first fetch of an input, or by whoever made it from others; binding from then on, like a digest in the
manifest. Plain values; nothing is fetched or made here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from attrs import field, frozen, validators

from rephase.errors import InvalidRecord, ManifestError
from rephase.manifest.hashing import is_digest, plain
from rephase.manifest.reading import structure

__all__ = ["FetchLock", "PinnedInput", "fetch_lock_path", "format_fetch_lock", "read_fetch_lock"]

_SCHEMA = 1
_SOURCES = ("hub", "file", "made")


def _digest(_: object, attribute: object, value: str) -> None:
    if not is_digest(value):
        raise ValueError(f"expected sha256:<64 hex digits>, found {value!r}")


def _read_only(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(mapping))


@frozen(kw_only=True)
class PinnedInput:
    """One input as the first fetch found it, or as it was made.

    Args:
        sha256: Digest of the file.
        source: ``hub`` when the hub's own metadata gave the digest, ``file`` when it is that of a file somebody had,
            ``made`` when it was made here from other inputs.
        revision: Full commit of the hub repository; empty for other sources.
        size: Bytes; 0 in locks older than this key.
        made_from: Digest of each input it was made from, by the input's name.
    """

    sha256: str = field(validator=_digest)
    source: str = field(validator=validators.in_(_SOURCES))
    revision: str = ""
    size: int = field(default=0, validator=validators.ge(0))
    made_from: Mapping[str, str] = field(factory=dict, converter=_read_only)


@frozen(kw_only=True)
class FetchLock:
    """Every input of a phase that fetching pinned.

    Args:
        schema: Version of the file's shape.
        inputs: What was pinned, by the input's name.
    """

    schema: int = _SCHEMA
    inputs: Mapping[str, PinnedInput] = field(factory=dict, converter=_read_only)

    def digest_of(self, name: str) -> str | None:
        """Digest that binds the input of this name; None where none was pinned."""
        return self.inputs[name].sha256 if name in self.inputs else None


def fetch_lock_path(manifest: Path) -> Path:
    """Where the lock of a manifest lies: ``logged.lock.json`` for ``logged.toml``."""
    return manifest.with_name(f"{manifest.stem}.lock.json")


def format_fetch_lock(lock: FetchLock) -> str:
    """A lock as its file: JSON with sorted keys, without those that say nothing."""
    inputs = {name: {key: value for key, value in plain(one).items() if value} for name, one in lock.inputs.items()}
    return json.dumps({"inputs": inputs, "schema": lock.schema}, indent=2, sort_keys=True) + "\n"


def read_fetch_lock(manifest: Path) -> FetchLock:
    """Read the lock beside a manifest.

    Returns:
        The lock; an empty one where there is no file.

    Raises:
        InvalidRecord: The file is not a lock this version wrote.
    """
    path = fetch_lock_path(manifest)
    try:
        lock = structure(json.loads(path.read_text(encoding="utf-8")), FetchLock, str(path))
    except FileNotFoundError:
        return FetchLock()
    except (ValueError, RecursionError, ManifestError) as error:
        raise InvalidRecord(f"is no lock ({error})", where=str(path), remedy="restore it with git") from error
    if lock.schema != _SCHEMA:
        raise InvalidRecord(
            f"has schema {lock.schema}, this version reads schema {_SCHEMA}",
            where=str(path),
            remedy="read it with the version of rephase that wrote it",
        )
    return lock
