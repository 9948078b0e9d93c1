"""What an integrator is: one step of a method for ordinary differential equations.

The loop over substeps and the count of velocity evaluations live in `rephase.engine.integrate`, so that a method
can neither miscount nor keep state between steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Integrator", "Velocity"]

Velocity: TypeAlias = "Callable[[Tensor, float], Tensor]"
"""Right-hand side of dx/dtau = velocity(x, tau); x and result have one shape, tau is a plain number in [0, 1]."""


@runtime_checkable
class Integrator(Protocol):
    """One step of an ODE method over the pseudo-time tau, which runs from 0 to 1.

    An integrator is stateless and draws nothing. It must not change ``x`` in place, must be differentiable through
    ``x`` and through whatever ``velocity`` closes over, and must treat every leading dimension as a batch.
    """

    def step(self, velocity: Velocity, x: Tensor, tau: float, dtau: float) -> Tensor:
        """Advance ``x`` from ``tau`` to ``tau + dtau``.

        Args:
            velocity: Right-hand side, called as ``velocity(x, tau)``.
            x: State, any shape.
            tau: Pseudo-time at the start of the step.
            dtau: Length of the step, positive.

        Returns:
            The new state, of the shape and dtype of ``x``.
        """
        ...

    def order(self) -> int:
        """Order of convergence: halving ``dtau`` divides the error at tau = 1 by 2 to this power."""
        ...

    def evaluations_per_step(self) -> int | None:
        """Calls of ``velocity`` in one step; None when the method chooses them itself."""
        ...
