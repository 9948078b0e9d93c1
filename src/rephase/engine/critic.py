"""Critic ensembles of many runs as one stack of matrices."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812  (the field's usual name)
from torch import Tensor, nn

from rephase.engine.activation import mish
from rephase.engine.regression import regress

__all__ = ["CriticEnsembles"]


class CriticEnsembles:
    """C critics for each of R runs; each maps a latent to a value, hidden layers activate and then normalise.

    Parameters are named ``params.0``, ``params.1``, ... in the order linear weight, linear bias, norm weight, norm
    bias for each hidden layer, then the last weight and bias; each is stacked as (R, C, ...).

    Args:
        runs: Number R of runs.
        latent_size: Width L of a latent.
        units: Hidden widths.
        critics: Size C of an ensemble.
        dtype: Floating-point type.
    """

    def __init__(
        self,
        runs: int,
        latent_size: int,
        units: Sequence[int],
        critics: int,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.runs = runs
        self.critics = critics
        self._parameters: list[nn.Parameter] = []
        width = latent_size
        for size in units:
            for shape in ((size, width), (size,), (size,), (size,)):
                self._parameters.append(nn.Parameter(torch.zeros(runs, critics, *shape, dtype=dtype)))
            width = size
        for shape in ((1, width), (1,)):
            self._parameters.append(nn.Parameter(torch.zeros(runs, critics, *shape, dtype=dtype)))

    @torch.no_grad()
    def initialise(self, generators: Sequence[torch.Generator]) -> None:
        """Draw each run's critics from its own generator: orthogonal weights of gain sqrt(2), zero biases."""
        for run, generator in enumerate(generators):
            for critic in range(self.critics):
                for index, parameter in enumerate(self._parameters):
                    own = parameter[run, critic]
                    if own.ndim == 2:
                        nn.init.orthogonal_(own, gain=2**0.5, generator=generator)
                    else:
                        own.fill_(1.0 if index % 4 == 2 else 0.0)

    def parameters(self) -> dict[str, nn.Parameter]:
        """The stacked parameters, (R, C, ...) each, by name."""
        return {f"params.{index}": parameter for index, parameter in enumerate(self._parameters)}

    def state(self, run: int) -> dict[str, Tensor]:
        """Parameters of one run's ensemble, detached clones (C, ...) by name."""
        return {name: value.detach()[run].clone() for name, value in self.parameters().items()}

    def to(self, device: torch.device | str) -> CriticEnsembles:
        """Move the parameters to a device, in place."""
        for parameter in self._parameters:
            parameter.data = parameter.data.to(device)
        return self

    def values(self, latent: Tensor) -> Tensor:
        """Every critic's value of each latent.

        Args:
            latent: (R, n, L).

        Returns:
            (R, C, n).
        """
        runs, rows, _ = latent.shape
        weight, bias, *rest = self._parameters
        if not rest:
            return torch.baddbmm(bias.flatten(1).unsqueeze(1), latent, weight.flatten(1, 2).mT).transpose(1, 2)
        # The first layer of all C critics is one product: the latents are not copied C times.
        first = torch.baddbmm(bias.flatten(1).unsqueeze(1), latent, weight.flatten(1, 2).mT)
        x = first.reshape(runs, rows, self.critics, weight.shape[2]).transpose(1, 2)
        while rest:
            norm_weight, norm_bias, weight, bias, *rest = rest
            x = F.layer_norm(mish(x), x.shape[-1:])
            x = torch.addcmul(norm_bias.unsqueeze(2), x, norm_weight.unsqueeze(2))
            x = torch.baddbmm(bias.flatten(0, 1).unsqueeze(1), x.flatten(0, 1), weight.flatten(0, 1).mT)
            x = x.reshape(runs, self.critics, rows, weight.shape[2])
        return x.reshape(runs, self.critics, rows)

    def value(self, latent: Tensor) -> Tensor:
        """The ensemble's value, the minimum over its critics: (R, n) for latents (R, n, L)."""
        return self.values(latent).amin(1)

    @torch.no_grad()
    def regress(self, latent: Tensor, wanted: Tensor) -> Tensor:
        """Mean squared error over each ensemble; leaves its gradients in the parameters' ``grad``.

        Args:
            latent: (R, n, L).
            wanted: Target of every critic, (R, n).

        Returns:
            (R,).
        """
        for parameter in self._parameters:
            if parameter.grad is None:
                parameter.grad = torch.empty_like(parameter)
        errors = []
        # One critic of all runs at a time: its activations stay in the cache, and the latents are not copied C times.
        for critic in range(self.critics):
            error, gradients = regress([parameter[:, critic] for parameter in self._parameters], latent, wanted)
            errors.append(error)
            for parameter, gradient in zip(self._parameters, gradients, strict=True):
                assert parameter.grad is not None
                torch.div(gradient, self.critics, out=parameter.grad[:, critic])
        return torch.stack(errors).mean(0)
