"""The network of policies and critics, many copies at once, with gradients written out by hand.

Linear layers, each hidden one followed by Mish and layer normalisation. Policies and critics call it hundreds of times
an update. Written out, a forward pass leaves behind just what the backward pass needs; the affine part of each
normalisation is folded into the next layer's weights, so that no pass over the activations is spent on it; and
autograd sees one node instead of one for each operation.

Parameters of G copies come as a flat sequence: weight (G, U, L) and bias (G, U) of a linear layer; then, for each
hidden layer, weight and bias (G, U) of its norm and weight and bias of the next linear layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (the field's usual name)
from torch import Tensor

from rephase.engine.activation import mish, mish_with_slope
from rephase.engine.products import affine, multiply

__all__ = ["perceptron", "regress"]

_EPS = 1e-5
_KEPT = 6
"""Tensors a hidden layer leaves for the backward pass."""


def perceptron(inputs: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """Outputs (G, n, V) of G copies for inputs (G, n, L), differentiable in everything."""
    if inputs.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
        return _composed(inputs, parameters)
    outputs: tuple[Tensor, ...] = _Perceptron.apply(inputs, *parameters)  # type: ignore[no-untyped-call]
    return outputs[0]


def regress(parameters: Sequence[Tensor], inputs: Tensor, wanted: Tensor, weight: float) -> tuple[Tensor, list[Tensor]]:
    """Mean squared error of copies with one output each, and its gradients, without autograd.

    Args:
        parameters: Of G copies.
        inputs: (G, n, L).
        wanted: Target of each input, (G, n).
        weight: What the gradients are multiplied by.

    Returns:
        Errors (G,) and weighted gradients like ``parameters``.
    """
    output, *kept = _forward(inputs, parameters)
    error = output.squeeze(2) - wanted
    loss = error.square().mean(1)
    gradient = error.mul_(2 * weight / error.shape[1]).unsqueeze(2)
    return loss, _backward(inputs, parameters, kept, gradient, (False, True))[1]


def _composed(inputs: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """The same from differentiable operations: for other devices, autocast, and gradients of gradients."""
    weight, bias, *rest = parameters
    x = torch.baddbmm(bias.unsqueeze(1), inputs, weight.mT)
    while rest:
        norm_weight, norm_bias, weight, bias, *rest = rest
        x = F.layer_norm(mish(x), x.shape[-1:], eps=_EPS)
        x = torch.addcmul(norm_bias.unsqueeze(1), x, norm_weight.unsqueeze(1))
        x = torch.baddbmm(bias.unsqueeze(1), x, weight.mT)
    return x


def _forward(inputs: Tensor, parameters: Sequence[Tensor]) -> tuple[Tensor, ...]:
    weight, bias, *rest = parameters
    x = affine(inputs, weight, bias)
    kept: list[Tensor] = []
    while rest:
        norm_weight, norm_bias, weight, bias, *rest = rest
        active, slope = mish_with_slope(x)
        normal, mean, scale = torch.native_layer_norm(active, active.shape[-1:], None, None, _EPS)
        folded = weight * norm_weight.unsqueeze(1)
        shift = torch.baddbmm(bias.unsqueeze(1), norm_bias.unsqueeze(1), weight.mT)
        x = affine(normal, folded, shift)
        kept += [active, slope, normal, mean, scale, folded]
    return x, *kept


def _backward(
    inputs: Tensor, parameters: Sequence[Tensor], kept: Sequence[Tensor], gradient: Tensor, wanted: tuple[bool, bool]
) -> tuple[Tensor | None, list[Tensor]]:
    """Gradients of the inputs and of the parameters, each where wanted."""
    into_inputs, into_parameters = wanted
    found: list[Tensor] = []
    for layer in reversed(range(len(kept) // _KEPT)):
        active, slope, normal, mean, scale, folded = kept[_KEPT * layer : _KEPT * (layer + 1)]
        if into_parameters:
            found = _of_layer(parameters[2 + 4 * layer : 5 + 4 * layer], normal, gradient) + found
        gradient = torch.ops.aten.native_layer_norm_backward(
            multiply(gradient, folded), active, active.shape[-1:], mean, scale, None, None, [True, False, False]
        )[0].mul_(slope)
    if into_parameters:
        found = [multiply(gradient.mT, inputs), gradient.sum(1), *found]
    return (multiply(gradient, parameters[0]) if into_inputs else None), found


def _of_layer(parameters: Sequence[Tensor], normal: Tensor, gradient: Tensor) -> list[Tensor]:
    """Gradients of a norm's weight and bias and of the next layer's, whose product was used folded."""
    norm_weight, norm_bias, weight = parameters
    of_bias = gradient.sum(1)
    of_folded = multiply(gradient.mT, normal)
    of_weight = torch.baddbmm(of_folded * norm_weight.unsqueeze(1), of_bias.unsqueeze(2), norm_bias.unsqueeze(1))
    of_norm_bias = torch.bmm(of_bias.unsqueeze(1), weight).squeeze(1)
    return [(of_folded * weight).sum(1), of_norm_bias, of_weight, of_bias]


class _Perceptron(torch.autograd.Function):
    """One node of the graph; its further outputs are what the backward pass needs."""

    @staticmethod
    def forward(inputs: Tensor, *parameters: Tensor) -> tuple[Tensor, ...]:
        return _forward(inputs, parameters)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        ctx.mark_non_differentiable(*output[1:])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*inputs, *output[1:])
        ctx.given = len(inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: None) -> tuple[Tensor | None, ...]:
        inputs, *parameters = ctx.saved_tensors[: ctx.given]
        if torch.is_grad_enabled():
            # These gradients are to be differentiated again, so autograd must see how they come about.
            wanted = [value for value in (inputs, *parameters) if value.requires_grad]
            found = iter(torch.autograd.grad(_composed(inputs, parameters), wanted, gradient, create_graph=True))
            return tuple(next(found) if value.requires_grad else None for value in (inputs, *parameters))
        into_parameters = any(ctx.needs_input_grad[1:])
        of_inputs, of_parameters = _backward(
            inputs, parameters, ctx.saved_tensors[ctx.given :], gradient, (ctx.needs_input_grad[0], into_parameters)
        )
        none: list[Tensor | None] = [None] * len(parameters)
        return of_inputs, *(of_parameters if into_parameters else none)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *tensors: Tensor) -> Any:
        """R times G copies are as good as G."""
        flat = [
            (value.expand(info.batch_size, *value.shape) if axis is None else value.movedim(axis, 0)).flatten(0, 1)
            for value, axis in zip(tensors, in_dims, strict=True)
        ]
        outputs = _Perceptron.apply(*flat)  # type: ignore[no-untyped-call]
        return tuple(value.unflatten(0, (info.batch_size, -1)) for value in outputs), (0,) * len(outputs)
