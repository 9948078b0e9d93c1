"""Mish and the softmax of small groups: the same functions as torch's, on CPUs several times as fast.

torch computes Mish, x tanh(log(1 + exp x)), with a logarithm and a hyperbolic tangent an entry, once for the value and
once more for the gradient; at small sizes that is a third of an update. Its softmax of eight entries at a time spends
most of its time between the groups. On other devices torch's own are used.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (the field's usual name)
from torch import Tensor, nn

__all__ = ["Mish", "group_softmax", "group_softmax_backward", "mish", "mish_with_slope"]


class Mish(nn.Module):
    """x tanh(log(1 + exp x)), entry by entry.

    Source: Misra, "Mish: a self regularized non-monotonic activation function", 2020.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Activate a tensor of any shape."""
        return mish(x)


def mish(x: Tensor) -> Tensor:
    """Mish of a tensor of any shape."""
    if x.device.type != "cpu":
        return F.mish(x)
    if torch.is_grad_enabled():
        value: Tensor = _Mish.apply(x)[0]  # type: ignore[no-untyped-call]
        return value
    return _share(x.sigmoid()).mul_(x)


def mish_with_slope(x: Tensor) -> tuple[Tensor, Tensor]:
    """The value and its derivative, without autograd.

    With s = sigmoid(x) and u = s (2 - s), tanh(log(1 + exp x)) is t = u / (2 - u), and its derivative (1 - t^2) s.
    Nothing overflows, and nothing cancels where x is very negative.
    """
    if x.device.type != "cpu":
        return _torch_mish_with_slope(x)
    sigmoid = x.sigmoid()
    share = _share(sigmoid)
    slope = torch.ops.aten.tanh_backward(sigmoid.mul_(x), share).add_(share)
    return share.mul_(x), slope


def group_softmax(x: Tensor, group: int) -> Tensor:
    """Softmax within consecutive groups of the last axis of (..., L), for CPUs."""
    value: Tensor = _GroupSoftmax.apply(x, group)  # type: ignore[no-untyped-call]
    return value


def group_softmax_backward(gradient: Tensor, value: Tensor, group: int) -> Tensor:
    """Gradient of the softmax's input from those of its value (..., L) and the value itself."""
    groups = (*value.shape[:-1], -1, group)
    weighted = (gradient * value).view(groups)
    return (weighted - value.view(groups) * weighted.sum(-1, keepdim=True)).view(value.shape)


def _torch_mish_with_slope(x: Tensor) -> tuple[Tensor, Tensor]:
    """The same in three operations: where asking for one costs more than a logarithm."""
    slope: Tensor = torch.ops.aten.mish_backward(torch.ones_like(x), x)
    return F.mish(x), slope


def _share(sigmoid: Tensor) -> Tensor:
    """tanh(log(1 + exp x)) from sigmoid(x)."""
    share = (2 - sigmoid).mul_(sigmoid)
    return share.div_(2 - share)


class _Mish(torch.autograd.Function):
    """Keeps the slope for the backward pass: forming both together costs one sigmoid instead of two."""

    @staticmethod
    def forward(x: Tensor) -> tuple[Tensor, Tensor]:
        return mish_with_slope(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: tuple[Tensor, Tensor]) -> None:
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(*inputs, output[1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Tensor) -> Tensor:
        slope: Tensor
        x, slope = ctx.saved_tensors
        if torch.is_grad_enabled():
            # The gradient is to be differentiated again, so it must be a function of x.
            share = F.softplus(x).tanh()
            slope = share + x * (1 - share.square()) * x.sigmoid()
        return gradient * slope

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None], x: Tensor) -> Any:
        return _Mish.apply(x), (in_dims[0], in_dims[0])  # type: ignore[no-untyped-call]


class _GroupSoftmax(torch.autograd.Function):
    """One pass for each step of the softmax over all groups together."""

    @staticmethod
    def forward(x: Tensor, group: int) -> Tensor:
        grouped = x.reshape(*x.shape[:-1], -1, group)
        powers = (grouped - grouped.amax(-1, keepdim=True)).exp_()
        return powers.div_(powers.sum(-1, keepdim=True)).view(x.shape)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, int], output: Tensor) -> None:
        ctx.group = inputs[1]
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return group_softmax_backward(gradient, ctx.saved_tensors[0], ctx.group), None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int, None], x: Tensor, group: int) -> Any:
        return _GroupSoftmax.apply(x.movedim(in_dims[0], 0), group), 0  # type: ignore[no-untyped-call]
