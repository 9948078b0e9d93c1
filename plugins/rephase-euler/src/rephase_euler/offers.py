"""What this plugin offers."""

from __future__ import annotations

from attrs import frozen

from rephase.plugins import Kind, Offer, hookimpl

__all__ = ["EulerConfig", "rephase_offers"]


@frozen
class EulerConfig:
    """Euler's method has no settings."""


@hookimpl
def rephase_offers() -> list[Offer]:
    """Offer the integrator ``euler``."""
    return [
        Offer(
            kind=Kind.INTEGRATOR,
            name="euler",
            summary="explicit Euler, order 1, one evaluation a step",
            config=EulerConfig,
            loader="rephase_euler.euler:build",
        )
    ]
