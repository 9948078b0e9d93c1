"""The gate to ``.pt`` files: only those whose digest was checked, and only as data.

`verified` turns a path and a digest into a `VerifiedFile`. `load`, and `rephase.engine.archive` for checkpoints, take
nothing else. `load` always loads with ``weights_only=True``, so a file can name no code but the harmless stand-ins its
reader allows.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from attrs import frozen

from rephase.errors import CheckpointError, DatasetError, InputMismatch
from rephase.manifest.hashing import verify_file

__all__ = ["StandIn", "VerifiedFile", "load", "require_unchanged", "verified"]

StandIn = tuple[Callable[..., Any], str]
"""A harmless class or function, and the full name it answers to inside a file."""


@frozen
class VerifiedFile:
    """A file whose digest was computed and matched; made only by `verified`.

    Args:
        path: The file.
        digest: Its digest.
        state: Its device, number, size and time of change when the digest was computed.
    """

    path: Path
    digest: str
    state: tuple[int, ...]


def verified(path: Path, digest: str) -> VerifiedFile:
    """Compute the file's digest and accept the file when it is ``digest``.

    Raises:
        InputMismatch: When the file is missing or another one than was pinned.
    """
    if not path.is_file():
        raise InputMismatch("no such file", where=str(path), remedy="'rephase fetch' gets the official inputs")
    before = _state(path)
    verify_file(path, digest, "fetch it again, or pin the digest it has if that is the file you mean")
    return VerifiedFile(path, digest, before)


def load(file: VerifiedFile, stand_ins: Sequence[StandIn], error: type[CheckpointError] | type[DatasetError]) -> Any:
    """Read a ``.pt`` file with its tensors mapped from the disk instead of copied.

    Args:
        file: The file.
        stand_ins: What the file may name beside tensors and plain containers.
        error: What to raise when the file cannot be read.

    Returns:
        What the file holds; tensors are on the CPU and read from the disk when touched.

    Raises:
        InputMismatch: When the file changed since its digest was checked.
        CheckpointError: See ``error``.
        DatasetError: See ``error``.
    """
    where = str(file.path)
    require_unchanged(file)
    if not zipfile.is_zipfile(file.path):
        raise error(
            "is truncated, or no file of torch's zip format",
            where=where,
            remedy="fetch it again; a file of torch < 1.6 must be saved again by a newer torch",
        )
    try:
        with torch.serialization.safe_globals(list(stand_ins)):
            return torch.load(str(file.path), map_location="cpu", mmap=True, weights_only=True)
    except pickle.UnpicklingError as caught:
        names = [name for name in _unknown_names(file) if name not in {allowed for _, allowed in stand_ins}]
        if names:
            problem = f"names {', '.join(names)}, and files are read as data, never as code"
        else:
            problem = f"is damaged: {_first_line(caught)}"
        raise error(problem, where=where, remedy="export its tensors as a plain dictionary") from caught
    except (RuntimeError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as caught:
        raise error(f"is damaged: {_first_line(caught)}", where=where, remedy="fetch it again") from caught


def require_unchanged(file: VerifiedFile) -> None:
    """Refuse a file that is not as it was when its digest was computed.

    Raises:
        InputMismatch: When it changed since.
    """
    if not file.path.is_file() or _state(file.path) != file.state:
        raise InputMismatch(
            "changed after its digest was checked", where=str(file.path), remedy="run the command again"
        )


def _unknown_names(file: VerifiedFile) -> list[str]:
    """Names in the file, sorted, that loading as data does not allow by itself; nothing is executed to find them."""
    try:
        return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(str(file.path)))
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError):
        return []


def _state(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
