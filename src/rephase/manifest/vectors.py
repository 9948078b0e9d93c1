"""One line of a comparison against reference vectors, as a plain value."""

from __future__ import annotations

from attrs import frozen

__all__ = ["Check"]


@frozen(kw_only=True)
class Check:
    """How far one recomputed quantity is from the one in a reference file.

    Args:
        file: Name of the reference file.
        quantity: Key of the quantity in it, such as ``out/encode``.
        max_abs: Largest absolute difference.
        max_rel: Largest absolute difference divided by the largest reference magnitude (0 when both are all zero).
        tolerance: What ``max_rel`` (or ``max_abs``, for environments) may be at most.
        ok: Whether it is within the tolerance; False also when shapes differ or anything is not finite.
    """

    file: str
    quantity: str
    max_abs: float
    max_rel: float
    tolerance: float
    ok: bool
