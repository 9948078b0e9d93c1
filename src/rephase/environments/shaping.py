"""How near a number is to where it should be: the block all smooth rewards are built from.

Written so that every operation is in the order of dm_control's ``rewards.tolerance`` (which names this differently).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["distance", "nearness"]

Shape = Literal["gauss", "linear", "quadratic"]


def nearness(
    x: NDArray[np.float64],
    low: float,
    high: float,
    *,
    margin: float = 0.0,
    at_margin: float = 0.1,
    shape: Shape = "gauss",
) -> NDArray[np.float64]:
    """Return 1 where ``low <= x <= high``, and less the farther ``x`` is outside.

    Args:
        x: Any array.
        low: Lower bound; may be -inf.
        high: Upper bound; may be inf.
        margin: Distance from the nearer bound at which the result is ``at_margin``; 0 makes everything outside 0.
        at_margin: Result at that distance.
        shape: How the result falls: ``gauss``, ``linear`` (down to 0) or ``quadratic`` (down to 0).

    Returns:
        Values in [0, 1], in the shape of ``x``.
    """
    inside = (low <= x) & (x <= high)
    if margin == 0:
        return np.where(inside, 1.0, 0.0)
    outside = np.where(x < low, low - x, x - high) / margin
    return np.where(inside, 1.0, _fall(outside, at_margin, shape))


def distance(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Euclidean length of each row, (N, n) to (N,).

    A product of matrices, not a sum of squares: that is what ``np.linalg.norm`` makes of one vector, to the last bit.
    """
    return np.asarray(np.sqrt(np.matmul(vectors[:, None, :], vectors[:, :, None])[:, 0, 0]))


def _fall(x: NDArray[np.float64], at_margin: float, shape: Shape) -> NDArray[np.float64]:
    if shape == "gauss":
        return np.asarray(np.exp(-0.5 * np.square(x * np.sqrt(-2 * np.log(at_margin)))))
    if shape == "linear":
        scaled = x * (1 - at_margin)
        return np.where(np.abs(scaled) < 1, 1 - scaled, 0.0)
    scaled = x * np.sqrt(1 - at_margin)
    return np.where(np.abs(scaled) < 1, 1 - np.square(scaled), 0.0)
