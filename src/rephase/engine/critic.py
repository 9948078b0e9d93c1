"""Critic ensembles of many runs as one stack of matrices."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rephase.engine.perceptron import perceptron, regress

__all__ = ["CriticEnsembles"]

_IN_CACHE = 500_000
"""Most entries of a hidden layer of all critics that a CPU computes together: more would leave its cache."""


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

    Attributes:
        at_once: Whether all critics of a run are always computed together, as on a GPU.
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
        self.at_once = False
        self._parameters: list[nn.Parameter] = []
        self._widest = max(units, default=1)
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
        """Move to a device, in place; the parameters there are new ones."""
        self._parameters = [nn.Parameter(parameter.detach().to(device)) for parameter in self._parameters]
        self.at_once = torch.device(device).type != "cpu"
        return self

    def broadcast(self, latent: Tensor, rows: int) -> Tensor:
        """Latents (R, n, L) as `regress` takes them: once for each critic where they are computed at once, (R C, n, L).

        A GPU is asked for as little as possible, and so is a CPU where layers are small. Where they are large, one
        critic at a time stays in the cache, and nothing is copied.

        Args:
            latent: (R, n, L).
            rows: How many of the n are regressed at a time.
        """
        if not self.at_once and self.runs * self.critics * rows * self._widest > _IN_CACHE:
            return latent
        return self._broadcast(latent)

    def _broadcast(self, latent: Tensor) -> Tensor:
        return latent.unsqueeze(1).expand(-1, self.critics, -1, -1).flatten(0, 1)

    def values(self, latent: Tensor) -> Tensor:
        """Every critic's value of each latent.

        Args:
            latent: (R, n, L).

        Returns:
            (R, C, n).
        """
        return self._values(latent, self._parameters)

    def value(self, latent: Tensor, fixed: bool = False) -> Tensor:
        """The ensemble's value, the minimum over its critics: (R, n) for latents (R, n, L).

        Args:
            latent: (R, n, L).
            fixed: Whether its gradient reaches the latents only, as when policies climb it.
        """
        own = [parameter.detach() for parameter in self._parameters] if fixed else self._parameters
        return self._values(latent, own).amin(1)

    @torch.no_grad()
    def regress(self, latent: Tensor, wanted: Tensor) -> Tensor:
        """Mean squared error over each ensemble; leaves its gradients in the parameters' ``grad``.

        Args:
            latent: From `broadcast`.
            wanted: Target of every critic, (R, n).

        Returns:
            (R,).
        """
        if latent.shape[0] == self.runs * self.critics:
            return self._regress_at_once(latent, wanted)
        for parameter in self._parameters:
            if parameter.grad is None:
                parameter.grad = torch.empty_like(parameter)
        errors = []
        for critic in range(self.critics):
            own = [parameter[:, critic] for parameter in self._parameters]
            error, gradients = regress(own, latent, wanted, 1 / self.critics)
            errors.append(error)
            for parameter, gradient in zip(self._parameters, gradients, strict=True):
                assert parameter.grad is not None
                parameter.grad[:, critic] = gradient
        return torch.stack(errors).mean(0)

    def _regress_at_once(self, latent: Tensor, wanted: Tensor) -> Tensor:
        own = [parameter.flatten(0, 1) for parameter in self._parameters]
        goals = wanted.unsqueeze(1).expand(-1, self.critics, -1).flatten(0, 1)
        error, gradients = regress(own, latent, goals, 1 / self.critics)
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            parameter.grad = gradient.reshape(parameter.shape).to(parameter.dtype)
        return error.reshape(self.runs, self.critics).mean(1)

    def _values(self, latent: Tensor, parameters: Sequence[Tensor]) -> Tensor:
        if self.at_once:
            flat = [parameter.flatten(0, 1) for parameter in parameters]
            return perceptron(self._broadcast(latent), flat).reshape(self.runs, self.critics, -1)
        own = ([parameter[:, critic] for parameter in parameters] for critic in range(self.critics))
        return torch.stack([perceptron(latent, some).squeeze(2) for some in own], 1)
