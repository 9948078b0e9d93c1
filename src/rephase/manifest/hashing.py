"""Digests of files, bytes and plain values, always written with the name of their algorithm in front.

Only sha256 is used. Nothing here trusts a file: a digest is computed from what is on the disk now, and `verify_file`
refuses what is not the file that was pinned.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import attrs

from rephase.errors import InputMismatch

__all__ = [
    "SCALARS",
    "bytes_digest",
    "canonical_json",
    "digest_of",
    "digest_of_json",
    "file_digest",
    "is_digest",
    "plain",
    "short",
    "text_of_json",
    "verify_file",
]

_BLOCK = 1 << 20
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
SCALARS = frozenset({str, int, float, bool, type(None)})
"""Types of values that JSON knows and that hold no others."""


def bytes_digest(data: bytes) -> str:
    """Digest of ``data`` as ``sha256:`` and 64 hex digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def file_digest(path: Path) -> str:
    """Digest of the file at ``path`` as ``sha256:`` and 64 hex digits, reading one block at a time.

    Raises:
        InputMismatch: When the file cannot be read.
    """
    running = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                running.update(block)
    except OSError as error:
        raise InputMismatch(f"cannot be read ({error.strerror})", where=str(path)) from error
    return "sha256:" + running.hexdigest()


def is_digest(text: str) -> bool:
    """Whether ``text`` is ``sha256:`` followed by 64 lower-case hex digits and nothing else."""
    return _DIGEST.fullmatch(text) is not None


def verify_file(path: Path, digest: str, remedy: str = "") -> None:
    """Compute the digest of ``path`` and refuse the file when it is not ``digest``.

    Raises:
        InputMismatch: When the file is missing or another one than was pinned.
    """
    found = file_digest(path)
    if found != digest:
        raise InputMismatch(f"is {found}, expected {digest}", where=str(path), remedy=remedy)


def plain(value: Any) -> Any:
    """Turn attrs objects, mappings, tuples and enumerations into what JSON knows; anything else stays as it is."""
    kind = type(value)
    if kind in SCALARS:
        return value
    if kind in (tuple, list) and SCALARS.issuperset(map(type, value)):
        return list(value)  # columns of numbers are most of what is ever digested
    if attrs.has(kind):
        return {field.name: plain(getattr(value, field.name)) for field in attrs.fields(kind)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    return value


def canonical_json(value: Any) -> str:
    """Return the one text of a value: sorted keys, no blanks, plain ASCII, no NaN."""
    return text_of_json(plain(value))


def digest_of(value: Any) -> str:
    """Return the digest of a value's canonical JSON."""
    return digest_of_json(plain(value))


def digest_of_json(value: Any) -> str:
    """Return the same digest of a value that JSON was read as, which is plain already."""
    return bytes_digest(text_of_json(value).encode("ascii"))


def short(digest: str) -> str:
    """Return the twelve hex digits by which folders and tables name a digest."""
    return digest.removeprefix("sha256:")[:12]


def text_of_json(value: Any) -> str:
    """Return the same text of a value that is plain already."""
    return _ENCODER.encode(value)
