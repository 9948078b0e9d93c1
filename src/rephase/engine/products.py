"""Products of matrices on a CPU: by torch, or by numpy's BLAS where arithmetic is to be portable.

MKL gives the same bits on every CPU only in its compatible mode, which is made for processors of 2001 and takes two to
three times as long. The OpenBLAS that numpy brings can be told to compute as for a Haswell on whatever CPU it meets:
its code and the sizes of its blocks are those of that name, and with one thread the bits are the same everywhere. A
process whose environment says all this when numpy is loaded multiplies with it here; every other process, and every
other device, leaves products to torch.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

__all__ = ["affine", "by", "multiply", "settled"]

_PORTABLE = {"MKL_CBWR": "COMPATIBLE", "OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_NUM_THREADS": "1"}


def settled(environ: Mapping[str, str]) -> str:
    """What multiplies in a process started in an environment: ``numpy`` or ``torch``."""
    portable = all(environ.get(name) == value for name, value in _PORTABLE.items())
    return "numpy" if portable and _has_openblas() else "torch"


def multiply(left: Tensor, right: Tensor, out: Tensor | None = None) -> Tensor:
    """Products (G, n, m) of matrices (G, n, k) and (G, k, m), without autograd.

    Args:
        left: The factors on the left.
        right: Those on the right.
        out: Where to put the products; None for a new tensor.
    """
    if not _is_numpys(left, right):
        return torch.bmm(left, right, out=out)
    if out is None:
        out = left.new_empty(left.shape[0], left.shape[1], right.shape[2])
    np.matmul(left.detach().numpy(), right.detach().numpy(), out=out.detach().numpy())
    return out


def affine(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Outputs (G, n, m) of linear maps with weights (G, m, k) and biases (G, m) or (G, 1, m), without autograd."""
    shift = bias if bias.ndim == 3 else bias.unsqueeze(1)
    if not _is_numpys(inputs, weight):
        if inputs.shape[0] == 1:
            return torch.addmm(shift[0], inputs[0], weight[0].T).unsqueeze(0)
        return torch.baddbmm(shift, inputs, weight.mT)
    return multiply(inputs, weight.mT).add_(shift)


@contextmanager
def by(multiplier: str) -> Iterator[None]:
    """Let ``numpy`` or ``torch`` multiply while this lasts, in this whole process."""
    global _multiplier
    before, _multiplier = _multiplier, multiplier
    try:
        yield
    finally:
        _multiplier = before


def _is_numpys(left: Tensor, right: Tensor) -> bool:
    if _multiplier != "numpy" or left.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
        return False
    return left.dtype == right.dtype and left.dtype in _KINDS


def _has_openblas() -> bool:
    built = np.show_config(mode="dicts")
    return "openblas" in built["Build Dependencies"]["blas"]["name"] if built else False


_KINDS = (torch.float32, torch.float64)
_multiplier = settled(os.environ)
