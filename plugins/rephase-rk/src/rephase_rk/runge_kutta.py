"""One stepper for every explicit Runge-Kutta method, given as a Butcher tableau."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from attrs import field, frozen

from rephase.protocols import Velocity

if TYPE_CHECKING:
    from attrs import Attribute
    from torch import Tensor

__all__ = ["ButcherTableau", "RungeKutta"]


@frozen
class ButcherTableau:
    """Coefficients of an explicit Runge-Kutta method with s stages.

    Args:
        order: Order of convergence.
        stages: Row i holds the i weights a_i0, ..., a_i(i-1) of the earlier slopes in stage i; the first is empty.
        weights: The s weights b of the slopes in the step.

    Raises:
        ValueError: The tableau is not lower triangular, its sizes differ, or the weights do not sum to 1.
    """

    order: int
    stages: tuple[tuple[Fraction, ...], ...] = field()
    weights: tuple[Fraction, ...] = field()

    @stages.validator
    def _triangular(self, attribute: Attribute[tuple[tuple[Fraction, ...], ...]], value: object) -> None:
        for index, row in enumerate(self.stages):
            if len(row) != index:
                raise ValueError(f"stage {index} of an explicit tableau has {index} coefficients, found {len(row)}")

    @weights.validator
    def _consistent(self, attribute: Attribute[tuple[Fraction, ...]], value: object) -> None:
        if len(self.weights) != len(self.stages):
            raise ValueError(f"{len(self.stages)} stages want {len(self.stages)} weights, found {len(self.weights)}")
        if sum(self.weights) != 1:
            raise ValueError(f"weights sum to 1, found {sum(self.weights)}")

    @property
    def nodes(self) -> tuple[Fraction, ...]:
        """Where in the step each stage looks: the row sums of the coefficients."""
        return tuple(sum(row, Fraction(0)) for row in self.stages)


class RungeKutta:
    """An explicit Runge-Kutta method: s evaluations a step for a tableau of s stages.

    Source: Butcher, "Numerical methods for ordinary differential equations", 2016, chapter 3.
    """

    def __init__(self, tableau: ButcherTableau) -> None:
        self._order = tableau.order
        self._rows = [[float(entry) for entry in row] for row in tableau.stages]
        self._weights = [float(entry) for entry in tableau.weights]
        self._nodes = [float(entry) for entry in tableau.nodes]

    def step(self, velocity: Velocity, x: Tensor, tau: float, dtau: float) -> Tensor:
        """Evaluate the stages one after the other and follow their weighted slope."""
        slopes: list[Tensor] = []
        for node, row in zip(self._nodes, self._rows, strict=True):
            slopes.append(velocity(_along(x, slopes, row, dtau), tau + node * dtau))
        return _along(x, slopes, self._weights, dtau)

    def order(self) -> int:
        """Order of convergence of the tableau."""
        return self._order

    def evaluations_per_step(self) -> int:
        """One for each stage."""
        return len(self._weights)


def _along(x: Tensor, slopes: list[Tensor], weights: list[float], dtau: float) -> Tensor:
    for slope, weight in zip(slopes, weights, strict=True):
        if weight != 0:
            x = x + (dtau * weight) * slope
    return x
