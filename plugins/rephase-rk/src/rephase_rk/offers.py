"""What this plugin offers."""

from __future__ import annotations

from attrs import frozen

from rephase.plugins import Kind, Offer, hookimpl

__all__ = ["RungeKuttaConfig", "rephase_offers"]


@frozen
class RungeKuttaConfig:
    """The named methods have no settings."""


@hookimpl
def rephase_offers() -> list[Offer]:
    """Offer the integrators ``heun``, ``midpoint`` and ``rk4``."""
    return [
        Offer(
            kind=Kind.INTEGRATOR,
            name=name,
            summary=f"{title}, {cost} evaluations a step",
            config=RungeKuttaConfig,
            loader=f"rephase_rk.methods:{name}",
        )
        for name, title, cost in (
            ("heun", "Heun's explicit trapezoidal rule, order 2", 2),
            ("midpoint", "explicit midpoint rule, order 2", 2),
            ("rk4", "classical Runge-Kutta, order 4", 4),
        )
    ]
