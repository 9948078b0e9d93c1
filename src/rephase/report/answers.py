"""What a phase's runs answer to the question its manifest asks: which config returns more, and where that is shown.

A lead counts only where a test shows it and it is no tie; everything else is said to be open.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from rephase.judging.claims import Claim, judge_claims
from rephase.judging.decisions import ClaimStatus
from rephase.judging.tables import titles
from rephase.manifest import Phase
from rephase.manifest.record import Record

__all__ = ["answer_of"]

_SHOWN = 3


def answer_of(phase: Phase, records: Sequence[Record]) -> str:
    """Return the answer in one sentence.

    Args:
        phase: The phase.
        records: Records of its completed runs.
    """
    if not records:
        return "There is no answer yet: no run is complete."
    names = titles(phase)
    seeds: dict[tuple[str, str], dict[int, float]] = {}
    for record in records:
        seeds.setdefault((record.config, record.task), {})[record.seed] = record.reward
    if len(phase.configs) == 1:
        return f"Mean returns: {_means(phase, seeds)}."
    claims = [
        _ordered(task, one, other, seeds)
        for task in phase.manifest.tasks
        for one, other in combinations(phase.configs, 2)
        if (one, task) in seeds and (other, task) in seeds
    ]
    verdicts = judge_claims(claims, seeds, seeds, phase.manifest.verdict.floor)
    shown = [one for one in verdicts if one.status is ClaimStatus.ESTABLISHED]
    count = max(len(values) for values in seeds.values())
    if not shown:
        return (
            f"No config is shown to return more than another in any of {len(phase.manifest.tasks)} tasks "
            f"by {count} seeds each."
        )
    leads = [
        f"{names[one.claim.better]} returns {one.gap:.0f} points more than {names[one.claim.worse]} on {one.claim.task}"
        for one in shown[:_SHOWN]
    ]
    more = f", and {len(shown) - _SHOWN} more leads are shown" if len(shown) > _SHOWN else ""
    rest = len(verdicts) - len(shown)
    left = f"; {rest} of {len(verdicts)} comparisons are open" if rest else ""
    return f"Shown by {count} seeds each: {', '.join(leads)}{more}{left}."


def _ordered(task: str, one: str, other: str, seeds: dict[tuple[str, str], dict[int, float]]) -> Claim:
    means = [sum(seeds[config, task].values()) / len(seeds[config, task]) for config in (one, other)]
    better, worse = (one, other) if means[0] >= means[1] else (other, one)
    return Claim(task=task, better=better, worse=worse, stated=False)


def _means(phase: Phase, seeds: dict[tuple[str, str], dict[int, float]]) -> str:
    (config,) = phase.configs
    cells = [(task, seeds[config, task].values()) for task in phase.manifest.tasks if (config, task) in seeds]
    return ", ".join(f"{sum(values) / len(values):.0f} on {task}" for task, values in cells)
