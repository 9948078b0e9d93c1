"""The layers that the log's world models, policies and critics are made of.

Two orders occur: a world-model layer normalises and then activates, a policy or critic layer activates and then
normalises. Parameter names are those of the published checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812  (the field's usual name)
from torch import Tensor, nn

from rephase.engine.activation import Mish, group_softmax
from rephase.engine.layer import linear, normed_linear
from rephase.engine.perceptron import perceptron

__all__ = [
    "NormedLinear",
    "SimNorm",
    "Standardisation",
    "TaskEmbedding",
    "draw_linear_defaults",
    "draw_world_model",
    "head",
    "tower",
]


class SimNorm(nn.Module):
    """Softmax within consecutive groups of the last axis (simplicial normalisation).

    Args:
        group: Entries of a group; must divide the width.

    Source: Lavoie et al., "Simplicial embeddings in self-supervised learning", 2022; used by TD-MPC2 (Hansen et al.,
    2024) for latents.
    """

    def __init__(self, group: int) -> None:
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (..., L) to groups that are positive and sum to 1."""
        if x.device.type == "cpu":
            return group_softmax(x, self.group)
        return x.reshape(*x.shape[:-1], -1, self.group).softmax(-1).flatten(-2)


class Linear(nn.Linear):
    """Linear map of the last axis."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., inputs) to (..., outputs)."""
        return linear(x, self.weight, self.bias)


class NormedLinear(Linear):
    """Linear map, layer normalisation, then an activation: one layer of a world model."""

    def __init__(self, inputs: int, outputs: int, activation: nn.Module) -> None:
        super().__init__(inputs, outputs)
        self.ln = nn.LayerNorm(outputs)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., inputs) to (..., outputs)."""
        group = self.activation.group if isinstance(self.activation, SimNorm) else 0
        if not group and not isinstance(self.activation, Mish):
            return self.activation(self.ln(super().forward(x)))  # type: ignore[no-any-return]
        return normed_linear(x, (self.weight, self.bias, self.ln.weight, self.ln.bias), self.ln.eps, group)


def tower(inputs: int, units: Sequence[int], outputs: int, simnorm: int | None) -> nn.Sequential:
    """A world-model network: normalised Mish layers, then a SimNorm layer or a plain linear one.

    Args:
        inputs: Width of the input.
        units: Hidden widths.
        outputs: Width of the output.
        simnorm: Group size of the last layer's SimNorm; None for a plain linear last layer.

    Returns:
        The network, its layers numbered from 0.
    """
    widths = [inputs, *units]
    layers: list[nn.Module] = [NormedLinear(a, b, Mish()) for a, b in pairwise(widths)]
    if simnorm is None:
        layers.append(Linear(widths[-1], outputs))
    else:
        layers.append(NormedLinear(widths[-1], outputs, SimNorm(simnorm)))
    return nn.Sequential(*layers)


class Head(nn.Sequential):
    """A policy network: linear, Mish and layer normalisation for each hidden width, then a plain linear layer.

    With parameters of R copies, (R, ...) each, it maps their inputs (R, B, inputs) to (R, B, outputs).
    """

    def __init__(self, inputs: int, units: Sequence[int], outputs: int) -> None:
        widths = [inputs, *units]
        layers: list[nn.Module] = []
        for a, b in pairwise(widths):
            layers += [nn.Linear(a, b), Mish(), nn.LayerNorm(b)]
        super().__init__(*layers, nn.Linear(widths[-1], outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., inputs) to (..., outputs)."""
        parameters = [parameter for layer in self for parameter in layer.parameters()]
        if parameters[0].ndim == 3:
            return perceptron(x, parameters)
        own = [parameter.unsqueeze(0) for parameter in parameters]
        return perceptron(x.flatten(0, -2).unsqueeze(0), own).reshape(*x.shape[:-1], -1)


def head(inputs: int, units: Sequence[int], outputs: int) -> Head:
    """A policy network: linear, Mish and layer normalisation for each hidden width, then a plain linear layer."""
    return Head(inputs, units, outputs)


def draw_linear_defaults(module: nn.Module, generator: torch.Generator) -> None:
    """Redraw every linear layer of ``module`` from U(+-1/sqrt(fan_in)) and reset its norms to the identity."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            bound = part.in_features**-0.5
            nn.init.uniform_(part.weight, -bound, bound, generator=generator)
            nn.init.uniform_(part.bias, -bound, bound, generator=generator)
        elif isinstance(part, nn.LayerNorm):
            nn.init.ones_(part.weight)
            nn.init.zeros_(part.bias)


@torch.no_grad()
def draw_world_model(module: nn.Module, generator: torch.Generator) -> None:
    """Draw a world model's parameters as TD-MPC2 does.

    Weights of linear layers are normal with deviation 0.02, cut at 2, biases zero, task embeddings U(+-0.02).

    Args:
        module: Changed in place, its layers in the order of ``modules()``, then its embeddings.
        generator: Source of the draws.
    """
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.trunc_normal_(part.weight, std=0.02, generator=generator)
            nn.init.zeros_(part.bias)
    for part in module.modules():
        if isinstance(part, TaskEmbedding):
            nn.init.uniform_(part.weight, -0.02, 0.02, generator=generator)


class Standardisation(nn.Module):
    """An encoder that learns nothing: each entry less its mean and over its deviation, task by task.

    Args:
        tasks: Number of tasks N.
        size: Width S of an observation, and of its latent.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, tasks: int, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(tasks, size))
        self.register_buffer("deviation", torch.ones(tasks, size))

    def forward(self, observation: Tensor, task: Tensor) -> Tensor:
        """Standardise observations (..., B, S) of tasks (B,)."""
        return (observation - self.mean[task]) / self.deviation[task]

    def undone(self, latent: Tensor, task: Tensor) -> Tensor:
        """The observations (..., B, S) that latents (..., B, S) of tasks (B,) are, in their own units."""
        return latent * self.deviation[task] + self.mean[task]

    def calibrate(self, mean: Tensor, deviation: Tensor, task: int) -> None:
        """Keep mean and deviation (S,) of a task's observations."""
        self.mean[task] = mean
        self.deviation[task] = deviation


class TaskEmbedding(nn.Module):
    """One row for each task, of Euclidean length at most 1.

    Looking a task up does not change its row; `shorten` does, and is called once before each use.

    Args:
        tasks: Number of rows N.
        size: Width E of a row.
    """

    def __init__(self, tasks: int, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(tasks, size))

    def forward(self, task: Tensor, like: Tensor) -> Tensor:
        """Rows of ``task``, repeated over the leading axes of ``like``.

        Args:
            task: Task indices, (B,) or a single one ().
            like: The input the rows are to stand beside, (..., B, anything).

        Returns:
            Rows, (..., B, E).
        """
        return F.embedding(task, self.weight).expand(*like.shape[:-1], -1)

    @torch.no_grad()
    def shorten(self, task: Tensor) -> None:
        """Scale the rows of the tasks (B,) that are longer than 1 back to 1, in place; leave all others alone."""
        length = self.weight.norm(dim=-1)
        used = torch.zeros_like(length, dtype=torch.bool)
        used[task.reshape(-1)] = True
        scale = torch.where(used & (length > 1), 1 / (length + 1e-7), torch.ones_like(length))
        self.weight.mul_(scale.unsqueeze(-1))
