"""One reference file: its settings, tensors and expected results."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from rephase.errors import UsageError
from rephase.manifest.vectors import Check
from rephase.protocols import Spaces

__all__ = ["TOLERANCES", "ReferenceFile"]

TOLERANCES: Mapping[torch.dtype, float] = {torch.float32: 2e-4, torch.float64: 1e-9}
"""Largest relative error that counts as agreement, by the type computed in."""


class ReferenceFile:
    """A ``.npz`` of the reference format.

    Args:
        path: Where it is.
        dtype: Type to compute in: float32 is compared with ``out/``, float64 with ``out64/``.
        device: Where to compute.

    Raises:
        UsageError: It cannot be read, or holds nothing of the format.
    """

    def __init__(self, path: Path, dtype: torch.dtype, device: str = "cpu") -> None:
        self.name = path.name
        self.dtype = dtype
        self.device = device
        self._arrays = _read(path)
        self._results = "out64/" if dtype == torch.float64 else "out/"
        if not any(key.startswith(self._results) for key in self._arrays):
            raise UsageError(
                f"holds no results under '{self._results}'",
                where=str(path),
                remedy="name a folder of reference files, or another --dtype",
            )

    def setting(self, name: str) -> Any:
        """A hyper-parameter: a number, flag, text or list; raises `UsageError` when the file lacks it."""
        key = f"cfg/{name}"
        if key not in self._arrays:
            raise UsageError(f"holds no '{key}', which its quantities need", where=self.name)
        return self._arrays[key].tolist()

    def number(self, name: str) -> float:
        """A hyper-parameter that is a real number, however the file stores it."""
        return float(self.setting(name))

    def sizes(self, name: str) -> list[int]:
        """A hyper-parameter that is a list of sizes; a lone number is a list of one."""
        value = self.setting(name)
        return [int(size) for size in (value if isinstance(value, list) else [value])]

    def has(self, key: str) -> bool:
        """Whether the file holds an array of this full key, such as ``in/z``."""
        return key in self._arrays

    def tensor(self, key: str) -> Tensor:
        """An input or parameter as a tensor; integers stay int64. Raises `UsageError` when the file lacks it."""
        if key not in self._arrays:
            raise UsageError(f"holds no '{key}', which its quantities need", where=self.name)
        tensor = torch.from_numpy(np.array(self._arrays[key]))
        if tensor.is_floating_point():
            tensor = tensor.to(self.dtype)
        return tensor.to(self.device)

    def parameters(self, owner: str) -> dict[str, Tensor]:
        """Initial parameters of ``wm``, ``actor`` or ``critic``, by name; empty when it has none."""
        prefix = f"params/{owner}/"
        return {key.removeprefix(prefix): self.tensor(key) for key in self._arrays if key.startswith(prefix)}

    def results(self) -> Iterator[str]:
        """Names of the expected quantities, without their prefix, sorted."""
        yield from sorted(key.removeprefix(self._results) for key in self._arrays if key.startswith(self._results))

    def matching(self, pattern: str) -> list[re.Match[str]]:
        """Expected quantities whose whole name matches a pattern."""
        return [match for name in self.results() if (match := re.fullmatch(pattern, name))]

    def count(self, pattern: str) -> int:
        """How many inputs match a pattern with the number of a call, such as ``in/call{}/obs``, counted from 0."""
        number = 0
        while self.has(pattern.format(number)):
            number += 1
        return number

    def spaces(self) -> Spaces:
        """Sizes of the task suite the file was made with."""
        return Spaces(self.setting("obs_dim"), self.setting("act_dim"), tuple(self.sizes("action_dims")))

    def compare(self, computed: Mapping[str, Tensor]) -> list[Check]:
        """Hold recomputed quantities against every expected one.

        Args:
            computed: Recomputed quantities by name. A quantity of the file that is not among them is a failed check:
                nothing is passed over in silence.

        Returns:
            One check for each expected quantity.
        """
        tolerance = TOLERANCES[self.dtype]
        return [self._check(name, computed.get(name), tolerance) for name in self.results()]

    def _check(self, name: str, found: Tensor | None, tolerance: float) -> Check:
        stored = self._arrays[self._results + name]
        missing = float("inf")
        if stored.dtype.kind not in "bifu":
            return Check(file=self.name, quantity=name, max_abs=missing, max_rel=missing, tolerance=tolerance, ok=False)
        expected = stored.astype(np.float64)
        if found is None or found.numel() != expected.size or tuple(found.shape) not in _shapes(expected):
            return Check(file=self.name, quantity=name, max_abs=missing, max_rel=missing, tolerance=tolerance, ok=False)
        difference = np.abs(found.detach().cpu().double().numpy().reshape(expected.shape) - expected)
        max_abs = float(difference.max(initial=0.0))
        largest = float(np.abs(expected).max(initial=0.0))
        max_rel = max_abs / largest if largest > 0 else max_abs
        return Check(
            file=self.name,
            quantity=name,
            max_abs=max_abs,
            max_rel=max_rel,
            tolerance=tolerance,
            ok=bool(max_rel <= tolerance),
        )


def _read(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    try:
        # Opened here: numpy leaves a file open that turns out not to be a whole archive.
        with path.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise ValueError("it holds a single array")
            return {key: archive[key] for key in archive.files}
    except (BadZipFile, EOFError, OSError, ValueError, zlib.error) as error:
        raise UsageError(
            f"cannot be read as a NumPy archive ({error})", where=str(path), remedy="fetch the file again"
        ) from error


def _shapes(expected: np.ndarray[Any, Any]) -> set[tuple[int, ...]]:
    """A single number may be shaped () or (1,)."""
    return {expected.shape, (), (1,)} if expected.size == 1 else {expected.shape}
