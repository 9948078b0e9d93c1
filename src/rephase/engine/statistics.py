"""Running mean and variance of returns, one of each for every run, and roots that every CPU rounds alike."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["RunningStatistics", "root"]


def root(x: Tensor) -> Tensor:
    """Square roots of what is not negative, within two roundings, the same bits on every CPU; no gradient at 0.

    torch's own square root on a CPU is that of MKL's vector functions, whose bits depend on the CPU whatever MKL is set
    to: an AMD EPYC and an emulated Haswell differed. ``rsqrt`` divides by an exact root instead.
    """
    return x * x.clamp(min=torch.finfo(x.dtype).tiny).rsqrt()


class RunningStatistics:
    """Mean and biased variance of everything seen so far, merged batch by batch (Chan et al., 1983).

    Args:
        runs: Number R of runs; each keeps its own.
        dtype: Floating-point type.
        device: Where the numbers live.
    """

    def __init__(self, runs: int, dtype: torch.dtype = torch.float32, device: str | torch.device = "cpu") -> None:
        self.mean = torch.zeros(runs, dtype=dtype, device=device)
        self.var = torch.ones(runs, dtype=dtype, device=device)
        self.count = torch.full((runs,), 1e-4, dtype=dtype, device=device)

    @torch.no_grad()
    def update(self, values: Tensor) -> None:
        """Take in a batch of values, (R, n), in place."""
        size = values.shape[1]
        mean = values.mean(1)
        var = values.var(1, unbiased=False)
        delta = mean - self.mean
        total = self.count + size
        squares = self.var * self.count + var * size + delta.square() * self.count * size / total
        self.mean.add_(delta * size / total)
        self.var.copy_(squares / total)
        self.count.copy_(total)
