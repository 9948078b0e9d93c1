"""Rewards as two-hot codes over bins in symlog units, and back.

Source: Hafner et al., "Mastering diverse domains through world models", 2023, for symlog and two-hot targets; Hansen,
Su and Wang, "TD-MPC2: scalable, robust world models for continuous control", 2024, for their use here.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rephase.engine.precision import in_full

__all__ = ["discounts", "expectation", "soft_cross_entropy", "symexp", "symlog", "two_hot"]


def symlog(x: Tensor) -> Tensor:
    """sign(x) log(1 + abs(x)): squeezes large magnitudes, keeps zero and the sign."""
    return torch.sign(x) * torch.log1p(torch.abs(x))


def symexp(x: Tensor) -> Tensor:
    """sign(x) (exp(abs(x)) - 1), the inverse of `symlog`."""
    return torch.sign(x) * torch.expm1(torch.abs(x))


def discounts(gamma: float, count: int, like: Tensor) -> Tensor:
    """gamma^0 to gamma^(count-1), of the dtype and on the device of ``like``: (count,).

    Made of fills, which a device does by itself; a list of numbers would have to travel there.
    """
    return torch.stack([torch.full((), gamma**power, dtype=like.dtype, device=like.device) for power in range(count)])


def expectation(logits: Tensor, bins: Tensor) -> Tensor:
    """Mean of the bins under softmax(logits), in the bins' own (symlog) units.

    Args:
        logits: (..., K).
        bins: (K,).

    Returns:
        Expected value, (...). Policies are optimised for this compressed reward; `symexp` of it is the plain one.
    """
    with in_full(logits):
        return logits.to(bins.dtype).softmax(-1) @ bins


def two_hot(value: Tensor, bins: Tensor) -> Tensor:
    """Spread each value over its two nearest bins so that the expectation is the value.

    Args:
        value: In the bins' units, (...); values beyond the outer bins are clamped to them.
        bins: Equally spaced and increasing, (K,).

    Returns:
        Weights, (..., K), non-negative, summing to 1.
    """
    last = bins.shape[0] - 1
    place = ((value - bins[0]) / (bins[1] - bins[0])).clamp(0, last)
    lower = place.floor().clamp(max=last - 1)
    upper_share = (place - lower).unsqueeze(-1)
    index = lower.long().unsqueeze(-1)
    code = torch.zeros(*value.shape, last + 1, dtype=value.dtype, device=value.device)
    return code.scatter(-1, index, 1 - upper_share).scatter(-1, index + 1, upper_share)


def soft_cross_entropy(logits: Tensor, value: Tensor, bins: Tensor) -> Tensor:
    """Cross-entropy of softmax(logits) against the two-hot code of symlog(value).

    Args:
        logits: (..., K).
        value: Plain rewards, (...).
        bins: (K,), symlog units.

    Returns:
        Loss of each entry, (...).
    """
    return -(two_hot(symlog(value), bins) * logits.log_softmax(-1)).sum(-1)
