"""What a policy is: a latent and some noise to an action before squashing.

A policy is an ordinary `torch.nn.Module` written for one run; the engine stacks many of them itself. The engine
applies ``tanh`` to what a policy returns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["Policy"]


@runtime_checkable
class Policy(Protocol):
    """A stochastic policy with its randomness as an argument.

    `act` and `mean` draw nothing, change nothing and treat every row alone, so that a run can be replayed, compared
    with reference vectors, stacked with others and captured in a graph. `constrain` is the only method that changes
    parameters; the engine calls it before each update's roll-out, and `act` may rely on it.
    """

    def act(self, latent: Tensor, noise: Tensor) -> Tensor:
        """Sample an action before squashing.

        Args:
            latent: Latents, (B, L).
            noise: Standard normal draws of `noise_shape`.

        Returns:
            Action before ``tanh``, (B, A).
        """
        ...

    def mean(self, latent: Tensor) -> Tensor:
        """The deterministic action before ``tanh``, (B, A), for latents (B, L)."""
        ...

    def noise_shape(self, batch_size: int) -> tuple[int, ...]:
        """Shape of the standard normal noise `act` wants for ``batch_size`` latents; the first entry is the batch."""
        ...

    def spread(self) -> Tensor:
        """Mean standard deviation of the exploration noise as stored, a scalar; reported, never optimised."""
        ...

    def constrain(self) -> None:
        """Put parameters back inside their bounds, in place and without gradient."""
        ...

    def initialise(self, generator: torch.Generator) -> None:
        """Draw every parameter afresh from ``generator`` and from nothing else."""
        ...
