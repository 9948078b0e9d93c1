"""Digests of files and of bytes, always written with the name of their algorithm in front.

Only sha256 is used. Nothing here trusts a file: a digest is computed from what is on the disk now, and `verify_file`
refuses what is not the file that was pinned.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from rephase.errors import InputMismatch

__all__ = ["bytes_digest", "file_digest", "is_digest", "verify_file"]

_BLOCK = 1 << 20
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


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
