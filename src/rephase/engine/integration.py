"""The loop over an integrator's steps."""

from __future__ import annotations

from torch import Tensor

from rephase.protocols import Integrator, Velocity

__all__ = ["integrate"]


def integrate(integrator: Integrator, velocity: Velocity, x: Tensor, substeps: int) -> Tensor:
    """Carry ``x`` from tau = 0 to tau = 1 in equal steps.

    Args:
        integrator: The method that takes one step.
        velocity: Right-hand side, called as ``velocity(x, tau)``.
        x: State at tau = 0, any shape.
        substeps: Number of steps, at least 1.

    Returns:
        State at tau = 1, of the shape and dtype of ``x``.
    """
    dtau = 1.0 / substeps
    for index in range(substeps):
        x = integrator.step(velocity, x, index * dtau, dtau)
    return x
