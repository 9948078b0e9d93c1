"""The numbers a phase is judged by, as a manifest declares them before any run starts.

They are part of the manifest's digest, so nobody can choose them after seeing a result. How they are used is written in
`rephase.judging`; nothing is judged here.
"""

from __future__ import annotations

import math
from typing import Any

from attrs import Attribute, field, frozen

__all__ = ["DEFAULT_BECAUSE", "SEEDS_FOR_K_LARGE", "VerdictRules", "decimals_for"]

SEEDS_FOR_K_LARGE = 9
"""Seeds of both sides together from which `k_large` replaces `k_small`, where each side has three or more."""

_FEWEST = 3

DEFAULT_BECAUSE = (
    "chosen by simulation against the log's own means and spreads: with three seeds on both sides a faithful rerun is"
    " called FAIL in about 4% of phases, a method that lost 20% in about 98%, and a rerun in which one run of three"
    " returned nothing never passes"
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
            f"expected at most k_small ({rules.k_small:g}): more seeds must not leave more open, found {value!r}"
        )


def _sentence(rules: Any, attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"expected a sentence saying why these numbers, found {value!r}")


def decimals_for(floor: float) -> int:
    """Return the decimals figures are printed with: 1, or as many as a floor below 1 needs."""
    return min(15, 1 - math.floor(math.log10(floor))) if 0 < floor < 1 else 1


@frozen(kw_only=True)
class VerdictRules:
    """How far a reproduced cell may be from the recorded one, and at what error rates.

    Args:
        k_small: Widest shift a PASS may leave open, in between-seed standard deviations, with few seeds.
        k_large: The same with nine seeds or more on both sides together and three or more on each; at most `k_small`.
        alpha: Error rate of the bound that a PASS prints, and, halved and Holm-adjusted, of a FAIL without a shift.
        spread_alpha: Error rate of calling a cell's reproduced spread too wide for a PASS.
        floor: Shift that matters to nobody, in the unit of what is judged; points of return on a scale of 0 to 1000.
        because: Why these numbers, in a sentence.

    Raises:
        ValueError: If a number is outside its range; the message says what was expected.
    """

    k_small: float = field(default=4.0, validator=[_finite_number, _positive])
    k_large: float = field(default=3.0, validator=[_finite_number, _positive, _no_wider])
    alpha: float = field(default=0.05, validator=[_finite_number, _level])
    spread_alpha: float = field(default=0.022, validator=[_finite_number, _level])
    floor: float = field(default=20.0, validator=[_finite_number, _not_negative])
    because: str = field(default=DEFAULT_BECAUSE, validator=_sentence)

    @property
    def decimals(self) -> int:
        """Decimals figures are printed with, see `decimals_for`."""
        return decimals_for(self.floor)

    def k(self, recorded_seeds: int, reproduced_seeds: int) -> float:
        """Return the widest shift a PASS may leave open with these many seeds, in standard deviations."""
        enough = recorded_seeds + reproduced_seeds >= SEEDS_FOR_K_LARGE
        return self.k_large if enough and min(recorded_seeds, reproduced_seeds) >= _FEWEST else self.k_small
