"""Value regression of many small networks with gradients written out by hand.

The critics are fitted many times an update, which makes these few lines half of all arithmetic. Written out, the
forward pass leaves behind just what the backward pass needs; the affine part of each normalisation is folded into
the next layer's weights, so that no pass over the activations is spent on it; and autograd has no graph to build.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from attrs import frozen
from torch import Tensor

from rephase.engine.activation import mish_with_slope

__all__ = ["regress"]


@frozen(eq=False)
class _Layer:
    """What the backward pass needs of one normalised layer and the linear one behind it, G networks each.

    Args:
        active: Activations before normalisation, (G, n, U).
        slope: Derivative of the activation, (G, n, U).
        normal: Normalised activations, (G, n, U).
        mean: Means the normalisation took out, (G, n, 1).
        scale: Reciprocal deviations it multiplied with, (G, n, 1).
        folded: Weight of the next linear layer times the norm's weight, (G, V, U).
    """

    active: Tensor
    slope: Tensor
    normal: Tensor
    mean: Tensor
    scale: Tensor
    folded: Tensor


def regress(parameters: Sequence[Tensor], inputs: Tensor, wanted: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Mean squared error of each network, and its gradients.

    Args:
        parameters: Weight (G, U, L) and bias (G, U) of a linear layer; then, for each hidden layer, weight and bias
            (G, U) of its norm and weight and bias of the next linear layer. The last layer has one output.
        inputs: (G, n, L).
        wanted: Target of each input, (G, n).

    Returns:
        Errors (G,) and gradients like ``parameters``.
    """
    output, layers = _forward(parameters, inputs)
    error = output.squeeze(2) - wanted
    return error.square().mean(1), _backward(parameters, inputs, layers, error.mul_(2 / error.shape[1]).unsqueeze(2))


def _forward(parameters: Sequence[Tensor], inputs: Tensor) -> tuple[Tensor, list[_Layer]]:
    weight, bias, *rest = parameters
    x = torch.baddbmm(bias.unsqueeze(1), inputs, weight.mT)
    layers = []
    while rest:
        norm_weight, norm_bias, weight, bias, *rest = rest
        active, slope = mish_with_slope(x)
        normal, mean, scale = torch.native_layer_norm(active, active.shape[-1:], None, None, 1e-5)
        folded = weight * norm_weight.unsqueeze(1)
        shift = torch.baddbmm(bias.unsqueeze(1), norm_bias.unsqueeze(1), weight.mT)
        x = torch.baddbmm(shift, normal, folded.mT)
        layers.append(_Layer(active, slope, normal, mean, scale, folded))
    return x, layers


def _backward(
    parameters: Sequence[Tensor], inputs: Tensor, layers: list[_Layer], gradient: Tensor
) -> list[Tensor]:
    found: list[Tensor] = []
    for index in reversed(range(len(layers))):
        layer = layers[index]
        norm_weight, norm_bias, weight, _ = parameters[2 + 4 * index : 6 + 4 * index]
        of_bias = gradient.sum(1)
        of_folded = torch.bmm(gradient.mT, layer.normal)
        of_weight = torch.baddbmm(of_folded * norm_weight.unsqueeze(1), of_bias.unsqueeze(2), norm_bias.unsqueeze(1))
        of_norm_bias = torch.bmm(of_bias.unsqueeze(1), weight).squeeze(1)
        found = [(of_folded * weight).sum(1), of_norm_bias, of_weight, of_bias, *found]
        gradient = torch.ops.aten.native_layer_norm_backward(
            torch.bmm(gradient, layer.folded),
            layer.active,
            layer.active.shape[-1:],
            layer.mean,
            layer.scale,
            None,
            None,
            [True, False, False],
        )[0].mul_(layer.slope)
    return [torch.bmm(gradient.mT, inputs), gradient.sum(1), *found]
