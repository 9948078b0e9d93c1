"""Torch's zip files read past: tensors are described, everything else stands there inert, and no code is run.

A checkpoint holds more than weights: optimisers, counters, numpy scalars, settings of whatever class its authors had.
None of that may stop the weights from being read, and nothing of it is looked at. The standard library's unpickler is
told for every name in the file what stands there: a described tensor, a plain container or `Inert`. No name is ever
imported. A tensor's bytes are read when it is asked for, so memory holds what is used and nothing else.
"""

from __future__ import annotations

import io
import math
import pickle
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from attrs import frozen
from torch import Tensor

from rephase.engine.unpickling import VerifiedFile, require_unchanged
from rephase.errors import CheckpointError

__all__ = ["Inert", "StoredTensor", "read_archive"]

_DTYPES = {name: value for name in dir(torch) if isinstance(value := getattr(torch, name), torch.dtype)}
_STORAGES = {
    "BFloat16Storage": torch.bfloat16,
    "BoolStorage": torch.bool,
    "ByteStorage": torch.uint8,
    "CharStorage": torch.int8,
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "IntStorage": torch.int32,
    "LongStorage": torch.int64,
    "ShortStorage": torch.int16,
    "UntypedStorage": torch.uint8,
}
# fmt: off
_RUNS_PROGRAMS = frozenset({
    "asyncio", "code", "codeop", "commands", "ctypes", "importlib", "marshal", "multiprocessing", "nt",
    "os", "pdb", "posix", "pty", "runpy", "shutil", "signal", "socket", "subprocess", "sys", "threading",
    "webbrowser",
})
# fmt: on
_RUNS_CODE = frozenset({"__import__", "breakpoint", "compile", "eval", "exec", "execfile", "input", "open"})
_FAULTS = (
    AttributeError,
    EOFError,
    ImportError,
    IndexError,
    KeyError,
    OverflowError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
)


class Inert:
    """Stands where a file names a class or function: takes whatever it is given and does nothing with it."""

    named = ""

    def __new__(cls, *_: object, **__: object) -> Inert:
        """Make one, whatever the arguments."""
        return object.__new__(cls)

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __call__(self, *_: object, **__: object) -> Inert:
        """Take the place of what a call would give."""
        return Inert()

    def _nothing(self, *_: object) -> None:
        """Take what the unpickler puts into objects, lists, tables and sets."""

    __setstate__ = __setitem__ = append = extend = add = update = _nothing

    def __str__(self) -> str:
        return f"a {self.named}" if self.named else "something of no use here"


@frozen
class _Storage:
    """Numbers in the archive that tensors are views of."""

    path: Path
    record: str
    dtype: torch.dtype
    count: int


@frozen
class StoredTensor:
    """A tensor in an archive, not read yet.

    Args:
        storage: The numbers it is a view of.
        dtype: Type of its entries.
        shape: Its shape.
        stride: Its strides, in entries.
        offset: Its first entry in the storage.
    """

    storage: _Storage
    dtype: torch.dtype
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int

    def read(self) -> Tensor:
        """Read its numbers.

        Raises:
            CheckpointError: When the archive is damaged there.
        """
        where, record = str(self.storage.path), self.storage.record
        size = torch.empty(0, dtype=self.storage.dtype).element_size()
        whole = torch.empty(self.storage.count * size, dtype=torch.uint8)
        try:
            with zipfile.ZipFile(self.storage.path) as archive, archive.open(record) as stored:
                filled = stored.readinto(whole.numpy()) if len(whole) else 0  # type: ignore[attr-defined]
                while filled < len(whole) and (more := stored.readinto(whole.numpy()[filled:])):  # type: ignore[attr-defined]
                    filled += more
                surplus = len(stored.read(1))  # the end of a record is also where its checksum is compared
        except (OSError, *_FAULTS) as error:
            raise _damaged(f"{record} cannot be read ({_first_line(error)})", where) from error
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.stride, strict=True))
        held = whole.view(self.dtype)
        if filled != len(whole) or surplus or (math.prod(self.shape) and not 0 <= last < len(held)):
            raise _damaged(f"{record} is not of the size its tensor needs", where)
        viewed = held.as_strided(self.shape, self.stride, self.offset)
        return viewed if viewed.numel() == len(held) and viewed.is_contiguous() else viewed.clone()


def read_archive(file: VerifiedFile) -> Any:
    """Read what a file of `torch.save` holds.

    Args:
        file: The file.

    Returns:
        Plain containers, numbers and texts, with `StoredTensor` for tensors and `Inert` for everything else.

    Raises:
        InputMismatch: When the file changed since its digest was checked.
        CheckpointError: When it is damaged, not of torch's zip format, or names what runs programs or code.
    """
    require_unchanged(file)
    where = str(file.path)
    if not zipfile.is_zipfile(file.path):
        raise CheckpointError(
            "is truncated, or no file of torch's zip format",
            where=where,
            remedy="fetch it again; a file of torch < 1.6 must be saved again by a newer torch",
        )
    try:
        with zipfile.ZipFile(file.path) as archive:
            root = next(name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl").rpartition("/")[0]
            order = f"{root}/byteorder"
            if order in archive.namelist() and archive.read(order).decode() != sys.byteorder:
                raise CheckpointError(
                    "has the other byte order", where=where, remedy="save it again on a machine like this"
                )
            return _Reader(io.BytesIO(archive.read(f"{root}/data.pkl")), file.path, root).load()
    except StopIteration:
        raise _damaged("holds no data.pkl", where) from None
    except _FAULTS as error:
        raise _damaged(_first_line(error), where) from error


class _Reader(pickle.Unpickler):
    """The standard unpickler, with an answer of ours to every name and every reference."""

    def __init__(self, data: io.BytesIO, path: Path, root: str) -> None:
        super().__init__(data)
        self._path, self._root = path, root
        self._inert: dict[str, type[Inert]] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Say what stands for a name; nothing is imported."""
        full = f"{module}.{name}"
        if module.partition(".")[0] in _RUNS_PROGRAMS or (module in ("builtins", "__builtin__") and name in _RUNS_CODE):
            raise CheckpointError(
                f"names {full}, which no checkpoint needs and an attack would; nothing was run",
                where=str(self._path),
                remedy="do not use this file",
            )
        if full in _KNOWN:
            return _KNOWN[full]
        if module in ("torch", "torch.storage") and name in _STORAGES:
            return _STORAGES[name]
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        return self._inert.setdefault(full, type("_Inert", (Inert,), {"named": full}))

    def persistent_load(self, pid: Any) -> Any:
        """Describe the storage that is referred to; no byte of it is read."""
        kind, dtype, key, _, count = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype) or not isinstance(count, int):
            return Inert()
        return _Storage(self._path, f"{self._root}/data/{key}", dtype, count)


def _tensor(storage: Any, offset: Any, shape: Any, stride: Any, *rest: Any) -> StoredTensor | Inert:
    dtype = next((value for value in rest if isinstance(value, torch.dtype)), None)
    if not isinstance(storage, _Storage):
        return Inert()
    return StoredTensor(storage, dtype or storage.dtype, tuple(shape), tuple(stride), int(offset))


def _of_type(make: Any, _: Any, arguments: Any, *__: Any) -> Any:
    return _tensor(*arguments) if make is _tensor else Inert()


_KNOWN: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": OrderedDict,
    "torch.Size": tuple,
    "torch._tensor._rebuild_from_type_v2": _of_type,
    "torch._utils._rebuild_parameter": lambda data, *_: data,
    "torch._utils._rebuild_parameter_with_state": lambda data, *_: data,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor,
}


def _damaged(problem: str, where: str) -> CheckpointError:
    return CheckpointError(f"is damaged: {problem}", where=where, remedy="fetch it again")


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
