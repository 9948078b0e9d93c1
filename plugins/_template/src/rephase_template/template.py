"""The integrator: replace the method by your own; the conformance kit says whether it keeps its promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rephase.protocols import Velocity
from rephase_template.offers import TemplateConfig

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Template", "build"]


class Template:
    """A two-stage explicit Runge-Kutta method: order 2, two evaluations a step.

    Args:
        config: Settings.
    """

    def __init__(self, config: TemplateConfig) -> None:
        self._node = config.node
        self._weight = 1 / (2 * config.node)

    def step(self, velocity: Velocity, x: Tensor, tau: float, dtau: float) -> Tensor:
        """Advance ``x`` from ``tau`` to ``tau + dtau``."""
        first = velocity(x, tau)
        second = velocity(x + self._node * dtau * first, tau + self._node * dtau)
        return x + dtau * ((1 - self._weight) * first + self._weight * second)

    def order(self) -> int:
        """2."""
        return 2

    def evaluations_per_step(self) -> int:
        """2."""
        return 2


def build(config: TemplateConfig) -> Template:
    """Build the integrator from a manifest's settings."""
    return Template(config)
