"""One integrator for torchdiffeq's adaptive methods, alone or for a stack of runs at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
import torchdiffeq
from torch import Tensor

from rephase.protocols import Velocity
from rephase_torchdiffeq.offers import AdaptiveConfig

__all__ = ["Adaptive", "adaptive_heun", "bosh3", "dopri5"]

_Solve: TypeAlias = "Callable[[Velocity, Tensor, Tensor], Tensor]"
"""Carries states (R, ...) of R runs over the step, given the velocity of all of them and its value at the start."""


class Adaptive:
    """A method that divides each step until its own error estimate is small enough.

    Gradients flow through the solver's operations (discretise, then optimise), not through an adjoint equation and not
    through where the steps were taken.

    Under `torch.func.vmap` the runs of a stack are solved as one system: they share their steps, which are so small
    that the error of every run, measured by its own root mean square, is within the tolerances.

    Args:
        method: torchdiffeq's name of the method.
        order: Order of convergence of its steps.
        config: Tolerances.

    Source: Chen, "torchdiffeq", 2018; Dormand and Prince, "A family of embedded Runge-Kutta formulae", 1980, for
    ``dopri5``; Bogacki and Shampine, "A 3(2) pair of Runge-Kutta formulas", 1989, for ``bosh3``; Hairer,
    Norsett and Wanner, "Solving ordinary differential equations I", 1993, section II.4, for step size control.
    """

    def __init__(self, method: str, order: int, config: AdaptiveConfig) -> None:
        self._method = method
        self._order = order
        self._config = config

    def step(self, velocity: Velocity, x: Tensor, tau: float, dtau: float) -> Tensor:
        """Advance ``x`` from ``tau`` to ``tau + dtau`` in as many steps as the tolerances ask for."""
        first = velocity(x, tau)

        def solve(velocity: Velocity, states: Tensor, first: Tensor) -> Tensor:
            return self._solve(velocity, states, first, tau, dtau)

        if bool(_IsStacked.apply(x, first)):  # type: ignore[no-untyped-call]
            # Adding nothing makes both of them stacked, also where the runs start from one state.
            nothing = torch.zeros_like(x) + torch.zeros_like(first)
            end: Tensor = _Stacked.apply(solve, velocity, x + nothing, first + nothing)  # type: ignore[no-untyped-call]
            return end

        def alone(states: Tensor, time: float) -> Tensor:
            return velocity(states[0], time).unsqueeze(0)

        return solve(alone, x.unsqueeze(0), first.unsqueeze(0))[0]

    def order(self) -> int:
        """Order of convergence of the method's own steps."""
        return self._order

    def evaluations_per_step(self) -> None:
        """None: the tolerances decide."""
        return

    def _solve(self, velocity: Velocity, start: Tensor, first: Tensor, tau: float, dtau: float) -> Tensor:
        times = torch.tensor([tau, tau + dtau], dtype=torch.float64, device=start.device)

        def slope(time: Tensor, states: Tensor) -> Tensor:
            if states is start:
                return first
            # The last stage may overshoot the end by rounding; a velocity is only promised to work within the step.
            return velocity(states, min(max(float(time), tau), tau + dtau))

        path: Tensor = torchdiffeq.odeint(
            slope,
            start,
            times,
            method=self._method,
            rtol=self._config.rtol,
            atol=self._config.atol,
            options={"norm": _size},
        )
        return path[-1]


class _IsStacked(torch.autograd.Function):
    """Whether any tensor belongs to a stack: `torch.func` asks for ``vmap`` there, and for ``forward`` elsewhere."""

    @staticmethod
    def forward(*tensors: Tensor) -> Tensor:
        return torch.tensor(False)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.mark_non_differentiable(output)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *tensors: Tensor) -> tuple[Tensor, None]:
        return torch.tensor(True), None


class _Stacked(torch.autograd.Function):
    """Hands the states of a whole stack to the solver, which branches on numbers and so cannot run inside vmap.

    The rule is called with the surrounding vmap left and plain tensors, through which gradients flow as usual. The
    velocity still closes over tensors of that vmap, so each evaluation enters one of the same depth again.
    """

    @staticmethod
    def forward(solve: _Solve, velocity: Velocity, x: Tensor, first: Tensor) -> Tensor:
        raise NotImplementedError("only stacks come here")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        pass

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[Any, ...], solve: _Solve, velocity: Velocity, x: Tensor, first: Tensor
    ) -> tuple[Tensor, int]:
        def together(states: Tensor, time: float) -> Tensor:
            slopes: Tensor = torch.func.vmap(lambda state: velocity(state, time) + torch.zeros_like(state))(states)
            return slopes

        return solve(together, x.movedim(in_dims[2], 0), first.movedim(in_dims[3], 0)), 0


def _size(error: Tensor) -> Tensor:
    """Largest root mean square of any run (R, ...), no gradient: step sizes must not pull on what they came from."""
    flat = error.detach().flatten(1)
    return torch.linalg.vector_norm(flat, dim=1).max() / math.sqrt(flat.shape[1])


def dopri5(config: AdaptiveConfig) -> Adaptive:
    """Build the method of Dormand and Prince."""
    return Adaptive("dopri5", 5, config)


def bosh3(config: AdaptiveConfig) -> Adaptive:
    """Build the method of Bogacki and Shampine."""
    return Adaptive("bosh3", 3, config)


def adaptive_heun(config: AdaptiveConfig) -> Adaptive:
    """Build Heun's method with its embedded error estimate."""
    return Adaptive("adaptive_heun", 2, config)
