"""The machine-written file of everything a phase resolved to: inputs, configs, plugins, code and image.

It lies beside a phase's runs and is written by the first of them; later ones must agree on the inputs, and `check`
reports where the rest changed. Plain values; nothing is resolved here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from attrs import field, frozen

from rephase.errors import InvalidRecord, ManifestError
from rephase.manifest.hashing import plain
from rephase.manifest.reading import structure

__all__ = ["LOCK_SCHEMA", "Lock", "format_lock", "read_lock"]

LOCK_SCHEMA = 1
"""Version of the lock's shape that this code reads and writes."""


def _read_only(mapping: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(mapping))


@frozen(kw_only=True)
class Lock:
    """What a phase resolved to.

    Args:
        schema: Version of the lock's shape.
        phase: Name of the phase.
        scale: Scale.
        manifest_digest: Digest of the manifest.
        configs: Digest of each resolved config.
        inputs: Digest of each input file, pending ones included.
        plugins: Version of each plugin distribution.
        software: Version of each other distribution that computes; empty in locks of earlier versions.
        code: Digest of the installed package's source files.
        image: Digest of the container image; empty outside one.
    """

    schema: int = LOCK_SCHEMA
    phase: str
    scale: str
    manifest_digest: str
    configs: Mapping[str, str] = field(converter=_read_only)
    inputs: Mapping[str, str] = field(converter=_read_only)
    plugins: Mapping[str, str] = field(converter=_read_only)
    software: Mapping[str, str] = field(factory=dict, converter=_read_only)
    code: str = ""
    image: str = ""


def format_lock(lock: Lock) -> str:
    """Return a lock's file: JSON with sorted keys."""
    return json.dumps(plain(lock), indent=2, sort_keys=True) + "\n"


def read_lock(path: Path) -> Lock | None:
    """Read a lock.

    Args:
        path: The file.

    Returns:
        What it says; None where there is none yet.

    Raises:
        InvalidRecord: It is not a lock this version wrote.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        lock = structure(content, Lock, str(path))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError, ManifestError) as error:
        raise InvalidRecord(f"is not a lock ({error})", where=str(path), remedy="move it away") from error
    if lock.schema != LOCK_SCHEMA:
        problem = f"has schema {lock.schema}, this version reads schema {LOCK_SCHEMA}"
        raise InvalidRecord(problem, where=str(path), remedy="read it with the version of rephase that wrote it")
    return lock
