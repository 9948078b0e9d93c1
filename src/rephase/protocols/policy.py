"""What a policy is: a latent and some noise to an action before squashing.

A policy is an ordinary `torch.nn.Module` written for one run; the engine stacks many of them itself. The engine
applies ``tanh`` to what a policy returns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["OwnLoss", "Policy"]


@runtime_checkable
class Policy(Protocol):
    """A stochastic policy with its randomness as an argument.

    `act` and `mean` draw nothing, change nothing and treat every row alone, so that a run can be replayed, compared
    with reference vectors, stacked with others and captured in a graph. `constrain` is the only method that changes
    parameters; the engine calls it before each update's roll-out, and `act` may rely on it.

    A class may name `act` and `mean` in ``of_copies``, a tuple, where they also do with the parameters of R copies,
    (R, ...) each, and arguments (R, B, ...). They are then called so, not under `torch.func.vmap`, which takes longer.
    A subclass does not inherit this.
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


@runtime_checkable
class OwnLoss(Protocol):
    """An optional ability of a policy: a loss of its own, added to the loss of the return in every update.

    Terms of entropy, likelihood, distillation or matching are written so. How much it counts is a setting of its own.
    """

    def own_loss(self, latent: Tensor, noise: Tensor, action: Tensor, gradient: Tensor, draws: Tensor | None) -> Tensor:
        """The loss over N latents that a roll-out went through.

        Nothing it is given has a gradient of its own: the loss reaches the policy's parameters and nothing else.

        Args:
            latent: Latents, (N, L).
            noise: The noise `Policy.act` was given there, (N, ...).
            action: What it returned, before ``tanh``, (N, A).
            gradient: How each row's share of the loss of the return changes with its action, (N, A): against it, the
                return grows.
            draws: Uniform draws from [0, 1) of `own_loss_draws`, or None when that is None.

        Returns:
            A scalar, the mean over rows, weighted as the policy's settings say.
        """
        ...

    def own_loss_draws(self, batch_size: int) -> tuple[int, ...] | None:
        """Shape of the draws `own_loss` wants for ``batch_size`` rows, the first axis; None for none."""
        ...
