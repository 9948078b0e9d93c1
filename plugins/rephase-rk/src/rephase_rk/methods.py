"""The named methods."""

from __future__ import annotations

from fractions import Fraction

from rephase_rk.offers import RungeKuttaConfig
from rephase_rk.runge_kutta import ButcherTableau, RungeKutta

__all__ = ["HEUN", "MIDPOINT", "RK4", "heun", "midpoint", "rk4"]

_HALF, _THIRD, _SIXTH = Fraction(1, 2), Fraction(1, 3), Fraction(1, 6)
_ZERO, _ONE = Fraction(0), Fraction(1)

HEUN = ButcherTableau(2, ((), (_ONE,)), (_HALF, _HALF))
"""Heun's method, the explicit trapezoidal rule (Heun, 1900): order 2, two stages."""

MIDPOINT = ButcherTableau(2, ((), (_HALF,)), (_ZERO, _ONE))
"""The explicit midpoint rule, also called modified Euler (Runge, 1895): order 2, two stages."""

RK4 = ButcherTableau(4, ((), (_HALF,), (_ZERO, _HALF), (_ZERO, _ZERO, _ONE)), (_SIXTH, _THIRD, _THIRD, _SIXTH))
"""The classical Runge-Kutta method (Kutta, 1901): order 4, four stages."""


def heun(config: RungeKuttaConfig) -> RungeKutta:
    """Build Heun's method."""
    return RungeKutta(HEUN)


def midpoint(config: RungeKuttaConfig) -> RungeKutta:
    """Build the explicit midpoint rule."""
    return RungeKutta(MIDPOINT)


def rk4(config: RungeKuttaConfig) -> RungeKutta:
    """Build the classical Runge-Kutta method."""
    return RungeKutta(RK4)
