"""The numbers a phase is judged by, as a manifest declares them before any run starts.

They are part of the manifest's digest, so nobody can choose them after seeing a result. How they are used is written in
`rephase.judging`; nothing is judged here.
"""

from __future__ import annotations

import math
from typing import Any

from attrs import Attribute, field, frozen

__all__ = ["DEFAULT_BECAUSE", "SEEDS_FOR_K_LARGE", "VerdictRules"]

SEEDS_FOR_K_LARGE = 6
"""Reproduced seeds per cell from which `k_large` replaces `k_small`."""

DEFAULT_BECAUSE = (
    "chosen by simulation against the log's own means and spreads: at three seeds a faithful rerun is called FAIL in"
    " about 4% of phases and a method that lost 20% in about 98%"
)


def _finite_number(rules: Any, attribute: Attribute[Any], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"expected a finite number, found {value!r}")


def _positive(rules: Any, attribute: Attribute[Any], value: float) -> None:
    if value <= 0:
        raise ValueError(f"expected a number above 0 (between-seed standard deviations), found {value!r}")


def _level(rules: Any, attribute: Attribute[Any], value: float) -> None:
    if not 0 < value < 0.5:
        raise ValueError(f"expected an error rate above 0 and below 0.5, found {value!r}")


def _not_negative(rules: Any, attribute: Attribute[Any], value: float) -> None:
    if value < 0:
        raise ValueError(f"expected points of return, 0 or more, found {value!r}")


def _no_wider(rules: VerdictRules, attribute: Attribute[Any], value: float) -> None:
    if value > rules.k_small:
        raise ValueError(
            f"expected at most k_small ({rules.k_small:g}): more seeds must not widen the band, found {value!r}"
        )


def _sentence(rules: Any, attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"expected a sentence saying why these numbers, found {value!r}")


@frozen(kw_only=True)
class VerdictRules:
    """How far a reproduced cell may be from the recorded one, and at what error rates.

    Args:
        k_small: Shift a PASS must exclude with fewer than six reproduced seeds, in between-seed standard deviations.
        k_large: The same with six reproduced seeds or more; at most `k_small`.
        alpha: Error rate: of a PASS when the true shift is k, and, halved and Holm-adjusted, of a FAIL without a shift.
        floor: Shift that matters to nobody, in points of return on the suite's scale of 0 to 1000.
        because: Why these numbers, in a sentence.

    Raises:
        ValueError: If a number is outside its range; the message says what was expected.
    """

    k_small: float = field(default=4.0, validator=[_finite_number, _positive])
    k_large: float = field(default=3.0, validator=[_finite_number, _positive, _no_wider])
    alpha: float = field(default=0.05, validator=[_finite_number, _level])
    floor: float = field(default=20.0, validator=[_finite_number, _not_negative])
    because: str = field(default=DEFAULT_BECAUSE, validator=_sentence)

    def k(self, reproduced_seeds: int) -> float:
        """Return the shift a PASS must exclude with this many reproduced seeds, in standard deviations."""
        return self.k_large if reproduced_seeds >= SEEDS_FOR_K_LARGE else self.k_small
