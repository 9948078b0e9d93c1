"""Numbers and claims in words, the same in every form of the report."""

from __future__ import annotations

import math
from collections.abc import Mapping

from rephase.judging import ClaimVerdict

__all__ = ["claim_words", "moments", "number", "percent_words"]


def number(value: float | None, form: str = ".2f") -> str:
    """Return a number as the report writes it; a dash where there is none, ``inf`` where it is infinite."""
    if value is None or math.isnan(value):
        return "-"
    return format(value, form) if math.isfinite(value) else "inf"


def moments(mean: float, sd: float, count: int) -> str:
    """Return mean, standard deviation and number of seeds."""
    return f"{number(mean)} ± {number(sd)} (n={count})"


def claim_words(verdict: ClaimVerdict, names: Mapping[str, str]) -> str:
    """Return what is claimed, and whether a source states it or it is only the recorded order."""
    claim = verdict.claim
    better, worse = names.get(claim.better, claim.better), names.get(claim.worse, claim.worse)
    lead = f" by {claim.percentage:g}%" if claim.percentage is not None else ""
    return f"{better} over {worse}{lead} on {claim.task}{'' if claim.stated else ' (recorded order)'}"


def percent_words(verdict: ClaimVerdict, names: Mapping[str, str]) -> str:
    """Return the reproduced gap in percent of either mean; a percentage names its denominator."""
    claim = verdict.claim
    parts = [
        f"{percent:+.1f}% of {names.get(config, config)}'s mean"
        for percent, config in ((verdict.percent_of_worse, claim.worse), (verdict.percent_of_better, claim.better))
        if percent is not None
    ]
    return ", ".join(parts) or "-"
