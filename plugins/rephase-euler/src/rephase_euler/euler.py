"""Explicit Euler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rephase.protocols import Velocity
from rephase_euler.offers import EulerConfig

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Euler", "build"]


class Euler:
    """Explicit Euler: order 1, one stage, one evaluation a step; also called forward Euler.

    Source: Hairer, Norsett and Wanner, "Solving ordinary differential equations I", 1993, section I.7.
    """

    def step(self, velocity: Velocity, x: Tensor, tau: float, dtau: float) -> Tensor:
        """Follow the velocity at the start of the step all the way through it."""
        return x + dtau * velocity(x, tau)

    def order(self) -> int:
        """1."""
        return 1

    def evaluations_per_step(self) -> int:
        """1."""
        return 1


def build(config: EulerConfig) -> Euler:
    """Build the integrator."""
    return Euler()
