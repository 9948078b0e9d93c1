"""Tensors on the disk: safetensors files that appear whole or not at all, and are read only after their digest matched.

Says nothing about what the tensors mean. Files of other formats are read by `rephase.engine.official`; nothing here
unpickles.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from rephase.errors import CheckpointError, InputMismatch
from rephase.manifest.hashing import file_digest, verify_file
from rephase.manifest.writing import flush_folder, naming

__all__ = ["file_digest", "read_metadata", "read_tensors", "write_tensors"]

# safetensors writes several metadata keys in an order that differs from process to process; a single key, holding
# sorted JSON, makes equal contents equal files with equal digests.
_METADATA_KEY = "rephase"


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> str:
    """Write ``tensors`` to ``path`` as one safetensors file, replacing it atomically.

    The same tensors and metadata give the same bytes in every process.

    Args:
        path: Where the file goes; missing folders are made.
        tensors: Tensors of any shape, by name; views and tensors on a device are copied as needed.
        metadata: Text that travels with the tensors.

    Returns:
        The file's digest, ``sha256:`` and 64 hex digits.

    Raises:
        OSError: The system refuses; it names the file, and what was there before still is.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    described = {_METADATA_KEY: json.dumps(dict(metadata or {}), sort_keys=True)}
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # The library makes files only their owner can read; what others may do is the umask's business.
            temporary.touch()
            mode = temporary.stat().st_mode
            _save(_independent(tensors), temporary, described)
            temporary.chmod(mode)
            _flush(temporary)
            digest = file_digest(temporary)
            temporary.replace(path)
        finally:
            with suppress(OSError):  # what went wrong before is what matters
                temporary.unlink(missing_ok=True)
        flush_folder(path.parent)
    return digest


def _save(tensors: Mapping[str, Tensor], path: Path, described: dict[str, str]) -> None:
    try:
        save_file(dict(tensors), path, metadata=described)
    except SafetensorError as error:
        # The library tells the system's refusals in words of its own, with the number in them.
        found = re.search(r"os error (\d+)", str(error))
        number = int(found[1]) if found else errno.EIO
        raise OSError(number, os.strerror(number) if found else str(error)) from error


def read_tensors(
    path: Path, digest: str | None = None, *, device: str = "cpu"
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors and the metadata of a safetensors file.

    Args:
        path: The file.
        digest: What the file's digest must be; checked before anything is read. None trusts the file.
        device: Where the tensors go.

    Returns:
        The tensors by name, and the metadata `write_tensors` was given (empty for files by others).

    Raises:
        InputMismatch: When the file is missing or is not the one ``digest`` names.
        CheckpointError: When it is not a whole safetensors file.
    """
    if digest is None:
        _require(path)
    else:
        verify_file(path, digest, "fetch it again")
    try:
        with safe_open(path, framework="pt", device=device) as file:
            tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
            return tensors, _parsed(path, file.metadata())
    except SafetensorError as error:
        raise _broken(path, error) from error


def read_metadata(path: Path) -> dict[str, str]:
    """Read only the metadata of a safetensors file.

    Raises:
        InputMismatch: When the file is missing.
        CheckpointError: When it is not a safetensors file.
    """
    _require(path)
    try:
        with safe_open(path, framework="pt") as file:
            return _parsed(path, file.metadata())
    except SafetensorError as error:
        raise _broken(path, error) from error


def _independent(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous tensors on the CPU, no two of which share memory, as the format requires."""
    seen: set[int] = set()
    independent = {}
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        storage = tensor.untyped_storage()
        if storage.data_ptr() in seen or storage.nbytes() != tensor.nbytes:
            tensor = tensor.clone()
        seen.add(tensor.untyped_storage().data_ptr())
        independent[name] = tensor
    return independent


def _flush(path: Path) -> None:
    """Make what was written to a file survive a crash of the machine."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _require(path: Path) -> None:
    if not path.is_file():
        raise InputMismatch("no such file", where=str(path))


def _parsed(path: Path, raw: Mapping[str, str] | None) -> dict[str, str]:
    try:
        value = json.loads((raw or {}).get(_METADATA_KEY, "{}"))
    except json.JSONDecodeError as error:
        raise CheckpointError("its metadata is not JSON", where=str(path)) from error
    if not isinstance(value, dict):
        raise CheckpointError("its metadata is not a table of texts", where=str(path))
    return {str(key): str(text) for key, text in value.items()}


def _broken(path: Path, error: SafetensorError) -> CheckpointError:
    return CheckpointError(f"not a whole safetensors file ({error})", where=str(path), remedy="fetch or write it again")
