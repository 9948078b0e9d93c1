"""A layer of a world model as one node of autograd's graph: linear map, layer normalisation, activation.

World models are asked for their layers hundreds of times an update, mostly with gradients of the input alone. Written
out, a layer leaves behind just what those need, and no operation is spent on what nobody asks for.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (the field's usual name)
from torch import Tensor

from rephase.engine.activation import group_softmax, group_softmax_backward, mish, mish_with_slope
from rephase.engine.products import affine, multiply

__all__ = ["linear", "normed_linear"]


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Linear map (..., k) to (..., m) with weight (m, k) and bias (m,), differentiable in everything."""
    if _is_composed(x):
        return F.linear(x, weight, bias)
    rows = x.reshape(1, -1, x.shape[-1])
    value: Tensor = _Linear.apply(rows, weight.unsqueeze(0), bias.unsqueeze(0))  # type: ignore[no-untyped-call]
    return value.reshape(*x.shape[:-1], -1)


def normed_linear(x: Tensor, parameters: tuple[Tensor, Tensor, Tensor, Tensor], eps: float, group: int) -> Tensor:
    """Linear map, layer normalisation, then Mish or a softmax in groups; differentiable in everything.

    Args:
        x: (..., k).
        parameters: Weight (m, k) and bias (m,) of the map, weight and bias (m,) of the normalisation.
        eps: What the normalisation adds to the variance.
        group: Entries of a group of the softmax; 0 for Mish.

    Returns:
        (..., m).
    """
    if _is_composed(x):
        return _composed(x, parameters, eps, group)
    own = [parameter.unsqueeze(0) for parameter in parameters]
    value = _NormedLinear.apply(x.reshape(1, -1, x.shape[-1]), *own, eps, group)[0]  # type: ignore[no-untyped-call]
    return value.reshape(*x.shape[:-1], -1)  # type: ignore[no-any-return]


def _is_composed(x: Tensor) -> bool:
    return x.device.type != "cpu" or torch.is_autocast_enabled("cpu")


def _composed(x: Tensor, parameters: tuple[Tensor, ...], eps: float, group: int) -> Tensor:
    """From differentiable operations: for other devices, autocast, and gradients of gradients; also (G, n, k)."""
    weight, bias, scale, shift = parameters
    if weight.ndim == 3:
        x = torch.baddbmm(bias.unsqueeze(1), x, weight.mT)
        x = torch.addcmul(shift.unsqueeze(1), F.layer_norm(x, x.shape[-1:], eps=eps), scale.unsqueeze(1))
    else:
        x = F.layer_norm(F.linear(x, weight, bias), weight.shape[:1], scale, shift, eps)
    if not group:
        return mish(x)
    return x.reshape(*x.shape[:-1], -1, group).softmax(-1).flatten(-2) if _is_composed(x) else group_softmax(x, group)


class _Linear(torch.autograd.Function):
    """Linear maps of G copies: inputs (G, n, k), weights (G, m, k), biases (G, m)."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return affine(x, weight, bias)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, _ = ctx.saved_tensors
        product = torch.bmm if torch.is_grad_enabled() else multiply
        wanted = ctx.needs_input_grad
        return (
            product(gradient, weight) if wanted[0] else None,
            product(gradient.mT, x) if wanted[1] else None,
            gradient.sum(1) if wanted[2] else None,
        )

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *tensors: Tensor) -> Any:
        value: Tensor = _Linear.apply(*_flat(info.batch_size, in_dims, tensors))  # type: ignore[no-untyped-call]
        return value.unflatten(0, (info.batch_size, -1)), 0  # type: ignore[no-untyped-call]


class _NormedLinear(torch.autograd.Function):
    """Layers of G copies; the further outputs are what the backward pass needs."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor, scale: Tensor, shift: Tensor, eps: float, group: int) -> Any:
        linear = affine(x, weight, bias)
        alone = weight.shape[0] == 1
        first, second = (scale[0], shift[0]) if alone else (None, None)
        normal, mean, deviation = torch.native_layer_norm(linear, linear.shape[-1:], first, second, eps)
        if not alone:
            normal = torch.addcmul(shift.unsqueeze(1), normal, scale.unsqueeze(1))
        if group:
            return group_softmax(normal, group), linear, mean, deviation
        value, slope = mish_with_slope(normal)
        return value, linear, mean, deviation, slope

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        *given, ctx.eps, ctx.group = inputs
        ctx.mark_non_differentiable(*output[1:])
        ctx.set_materialize_grads(False)
        kept = output[0] if ctx.group else output[4]
        ctx.save_for_backward(*given, *output[1:4], kept)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: None) -> tuple[Tensor | None, ...]:
        *given, linear, mean, deviation, kept = ctx.saved_tensors
        x, weight, _, *norm = given
        if torch.is_grad_enabled():
            return *_differentiable(given, gradient, ctx.eps, ctx.group), None, None
        into = group_softmax_backward(gradient, kept, ctx.group) if ctx.group else gradient * kept
        of_x, of_weight, of_bias, *of_norm = ctx.needs_input_grad[:5]
        into, of_scale, of_shift = _before_norm(into, linear, mean, deviation, norm, any(of_norm))
        return (
            multiply(into, weight) if of_x else None,
            multiply(into.mT, x) if of_weight else None,
            into.sum(1) if of_bias else None,
            of_scale,
            of_shift,
            None,
            None,
        )

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> Any:
        flat = _flat(info.batch_size, in_dims[:5], inputs[:5])
        outputs = _NormedLinear.apply(*flat, *inputs[5:])  # type: ignore[no-untyped-call]
        return tuple(value.unflatten(0, (info.batch_size, -1)) for value in outputs), (0,) * len(outputs)


def _differentiable(given: list[Tensor], gradient: Tensor, eps: float, group: int) -> list[Tensor | None]:
    """Gradients that are to be differentiated again, so that autograd must see how they come about."""
    x, *parameters = given
    wanted = [value for value in given if value.requires_grad]
    value = _composed(x, tuple(parameters), eps, group)
    found = iter(torch.autograd.grad(value, wanted, gradient, create_graph=True))
    return [next(found) if value.requires_grad else None for value in given]


def _before_norm(
    gradient: Tensor, linear: Tensor, mean: Tensor, deviation: Tensor, norm: list[Tensor], trains: bool
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Gradients of a normalisation's input (G, n, m), and of its weight and bias (G, m) where it trains."""
    scale, shift = norm
    alone = len(scale) == 1
    of_scale = of_shift = None
    own: tuple[Tensor | None, Tensor | None] = (scale[0], shift[0]) if alone else (None, None)
    if not alone:
        if trains:
            of_scale, of_shift = (gradient * (linear - mean) * deviation).sum(1), gradient.sum(1)
        gradient = gradient * scale.unsqueeze(1)
    mask = [True, trains and alone, trains and alone]
    into, *of_norm = torch.ops.aten.native_layer_norm_backward(
        gradient, linear, linear.shape[-1:], mean, deviation, *own, mask
    )
    if mask[1]:
        of_scale, of_shift = (one.unsqueeze(0) for one in of_norm)
    return into, of_scale, of_shift


def _flat(copies: int, axes: tuple[int | None, ...], tensors: tuple[Tensor, ...]) -> list[Tensor]:
    """R times G copies as one axis: they are as good as G."""
    return [
        (value.expand(copies, *value.shape) if axis is None else value.movedim(axis, 0)).flatten(0, 1)
        for value, axis in zip(tensors, axes, strict=True)
    ]
