"""One integrator for torchdiffeq's adaptive methods."""

from __future__ import annotations

import torch
import torchdiffeq
from torch import Tensor

from rephase.protocols import Velocity
from rephase_torchdiffeq.offers import AdaptiveConfig

__all__ = ["Adaptive", "adaptive_heun", "bosh3", "dopri5"]


class Adaptive:
    """A method that divides each step until its own error estimate is small enough.

    Gradients flow through the solver's operations (discretise, then optimise), not through an adjoint equation and not
    through where the steps were taken.

    Args:
        method: torchdiffeq's name of the method.
        order: Order of convergence of its steps.
        config: Tolerances.

    Source: Chen, "torchdiffeq", 2018; Hairer, Norsett and Wanner, "Solving ordinary differential equations I", 1993,
    section II.4, for step size control.
    """

    def __init__(self, method: str, order: int, config: AdaptiveConfig) -> None:
        self._method = method
        self._order = order
        self._config = config

    def step(self, velocity: Velocity, x: Tensor, tau: float, dtau: float) -> Tensor:
        """Advance ``x`` from ``tau`` to ``tau + dtau`` in as many steps as the tolerances ask for."""
        times = torch.tensor([tau, tau + dtau], dtype=torch.float64, device=x.device)

        def slope(time: Tensor, state: Tensor) -> Tensor:
            # The last stage may overshoot the end by rounding; a velocity is only promised to work within the step.
            return velocity(state, min(max(float(time), tau), tau + dtau))

        path: Tensor = torchdiffeq.odeint(
            slope,
            x,
            times,
            method=self._method,
            rtol=self._config.rtol,
            atol=self._config.atol,
            options={"norm": _size},
        )
        return path[-1]

    def order(self) -> int:
        """Order of convergence of the method's own steps."""
        return self._order

    def evaluations_per_step(self) -> None:
        """None: the tolerances decide."""
        return


def _size(error: Tensor) -> Tensor:
    """Root mean square without gradient: step sizes must not pull on the state they were chosen from."""
    return error.detach().square().mean().sqrt()


def dopri5(config: AdaptiveConfig) -> Adaptive:
    """Build the method of Dormand and Prince."""
    return Adaptive("dopri5", 5, config)


def bosh3(config: AdaptiveConfig) -> Adaptive:
    """Build the method of Bogacki and Shampine."""
    return Adaptive("bosh3", 3, config)


def adaptive_heun(config: AdaptiveConfig) -> Adaptive:
    """Build Heun's method with its embedded error estimate."""
    return Adaptive("adaptive_heun", 2, config)
