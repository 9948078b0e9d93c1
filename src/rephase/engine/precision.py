"""What a manifest's ``precision`` does while runs train, and only then.

``float32`` keeps matrix products in full single precision, ``tf32`` lets a GPU's tensor cores round their factors to
10 bits, ``bfloat16`` lets torch's autocast compute them in bfloat16. Parameters, optimisers, returns and losses stay in
float32, and so does everything outside training: evaluations, planning, and what is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor

from rephase.manifest.algorithm import Precision

__all__ = ["effective_precision", "in_full", "training_precision"]


def effective_precision(precision: Precision, device: torch.device) -> Precision:
    """What a device makes of a precision: only a GPU has TF32, and a CPU takes float32 in its place."""
    if precision is Precision.TF32 and device.type != "cuda":
        return Precision.FLOAT32
    return precision


@contextmanager
def training_precision(precision: Precision, device: torch.device) -> Iterator[None]:
    """Compute the matrix products inside as a manifest says; everything is as it was afterwards, errors or not.

    Args:
        precision: What the manifest says.
        device: Where it is computed.
    """
    chosen = effective_precision(precision, device)
    with _tensor_cores(chosen) if device.type == "cuda" else nullcontext():
        if chosen is Precision.BFLOAT16:
            # Without the cache of rounded weights: parameters change between the losses of one update.
            with torch.autocast(device.type, torch.bfloat16, cache_enabled=False):
                yield
        else:
            yield


def in_full(like: Tensor) -> AbstractContextManager[object]:
    """Leaves autocast for what must not be rounded, such as rewards and returns, on a tensor's device."""
    kind = like.device.type
    rounds = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    return torch.autocast(kind, enabled=False) if rounds else nullcontext()


@contextmanager
def _tensor_cores(precision: Precision) -> Iterator[None]:
    """Sets the one flag of torch that belongs to the process, and puts it back as it was found."""
    products = torch.backends.cuda.matmul
    before = products.fp32_precision
    products.fp32_precision = "tf32" if precision is Precision.TF32 else "ieee"
    try:
        yield
    finally:
        products.fp32_precision = before
