"""Judging claims: what a source says about one method against another, apart from whether its values come back.

The test is made on the reproduction, because the record is what suggested the claim; the record's own test is kept
beside it. Pure functions of values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from attrs import frozen

from rephase.judging.cells import Cell
from rephase.judging.decisions import ClaimStatus
from rephase.judging.samples import Welch, holm, is_measurable, paired, sample, welch
from rephase.manifest.outcomes import RecordedOutcomes
from rephase.manifest.rules import decimals_for

__all__ = ["Claim", "ClaimVerdict", "Seeds", "claims_of", "judge_claims"]

Seeds = Mapping[Cell, Mapping[int, float]]
"""Mean return of every seed of every cell, in points."""

_LEVEL = 0.05


@frozen(kw_only=True)
class Claim:
    """A statement that one configuration returns more than another on a task.

    Args:
        task: Name of the task.
        better: Configuration stated to be better.
        worse: The one it is compared with.
        percentage: Lead as stated, in percent; None where none was stated.
        stated: Whether a source states it; otherwise it is only the sign of the recorded means.
        is_paired: Whether the manifest declared beforehand that equal seeds are pairs.
    """

    task: str
    better: str
    worse: str
    percentage: float | None = None
    stated: bool = True
    is_paired: bool = False


@frozen(kw_only=True)
class ClaimVerdict:
    """What became of a claim.

    Args:
        claim: The claim.
        record: Test on the recorded values; None below two seeds a side.
        reproduction: Test on the reproduced values; None below two seeds a side.
        p_holm: p-value of the reproduction, Holm-adjusted over all claims of the phase; NaN where there is no test.
        gap: Reproduced mean of the better less that of the worse, in points; NaN where one is missing.
        percent_of_worse: The gap in percent of the mean of `claim.worse`; None where that is not above 0.
        percent_of_better: The gap in percent of the mean of `claim.better`; None where that is not above 0.
        status: What became of it.
        reason: One clause saying why.
    """

    claim: Claim
    record: Welch | None
    reproduction: Welch | None
    p_holm: float
    gap: float
    percent_of_worse: float | None
    percent_of_better: float | None
    status: ClaimStatus
    reason: str


def claims_of(recorded: RecordedOutcomes, floor: float = 0.0) -> tuple[Claim, ...]:
    """Return the claims a record makes.

    Args:
        recorded: Recorded outcomes; the stated winners of its summary are its claims. Without a summary, every pair of
            configurations whose recorded means on a task differ by the floor or more gives one, marked as not stated.
        floor: Lead under which two configurations are tied, in points.

    Returns:
        The claims, by task and configurations.
    """
    configs = sorted({outcome.config for outcome in recorded.judged})
    claims: dict[tuple[str, str, str], Claim] = {}
    for row in recorded.summary:
        if recorded.source_of(row) != recorded.source or row.winner not in configs:
            continue
        against = {other.config for other in recorded.summary if other.task == row.task} - {row.winner}
        for worse in sorted(against):
            claims[row.task, row.winner, worse] = Claim(
                task=row.task, better=row.winner, worse=worse, percentage=row.percentage
            )
    if not recorded.summary:
        for claim in _signs(recorded, configs, floor):
            claims[claim.task, claim.better, claim.worse] = claim
    return tuple(claims[key] for key in sorted(claims))


def judge_claims(
    claims: Sequence[Claim], recorded: Seeds, reproduced: Seeds, floor: float = 0.0
) -> tuple[ClaimVerdict, ...]:
    """Judge claims by the reproduced values.

    Args:
        claims: The claims of a phase, which are one family for Holm's adjustment.
        recorded: Recorded mean return of every seed of every cell.
        reproduced: Reproduced ones.
        floor: Lead under which two configurations are tied, in points: such a lead establishes nothing.

    Returns:
        One verdict a claim, in the given order.
    """
    tests = [_test(claim, reproduced) for claim in claims]
    tested = [index for index, test in enumerate(tests) if test is not None and test.is_test]
    adjusted = dict(zip(tested, holm([_p(tests[index]) for index in tested]), strict=True))
    return tuple(
        _judge(claim, _test(claim, recorded), tests[index], adjusted.get(index, math.nan), recorded, reproduced, floor)
        for index, claim in enumerate(claims)
    )


def _signs(recorded: RecordedOutcomes, configs: Sequence[str], floor: float) -> list[Claim]:
    means: dict[Cell, float] = {}
    for config in configs:
        for task in {outcome.task for outcome in recorded.judged}:
            values = [
                o.reward for o in recorded.judged if (o.config, o.task) == (config, task) and is_measurable(o.reward)
            ]
            means[config, task] = sample(values).mean
    claims = []
    for task in sorted({task for _, task in means}):
        for index, first in enumerate(configs):
            for second in configs[index + 1 :]:
                a, b = means[first, task], means[second, task]
                if a != b and abs(a - b) >= floor:  # does not hold where one is missing
                    better, worse = (first, second) if a > b else (second, first)
                    claims.append(Claim(task=task, better=better, worse=worse, stated=False))
    return claims


def _values(seeds: Seeds, config: str, task: str) -> dict[int, float]:
    return {seed: value for seed, value in seeds.get((config, task), {}).items() if is_measurable(value)}


def _test(claim: Claim, seeds: Seeds) -> Welch | None:
    better, worse = _values(seeds, claim.better, claim.task), _values(seeds, claim.worse, claim.task)
    if claim.is_paired:
        return paired([better[seed] - worse[seed] for seed in sorted(set(better) & set(worse))])
    return welch(list(better.values()), list(worse.values()))


def _p(test: Welch | None) -> float:
    return 1.0 if test is None else test.p


def _judge(
    claim: Claim,
    record: Welch | None,
    reproduction: Welch | None,
    p: float,
    recorded: Seeds,
    reproduced: Seeds,
    floor: float,
) -> ClaimVerdict:
    before = _gap(claim, recorded)
    after = _gap(claim, reproduced)
    shown = p < _LEVEL  # not where there is no test
    chance = "no test" if math.isnan(p) else f"p = {p:.3g}"
    if math.isnan(after) or math.isnan(before):
        missing = "reproduction" if math.isnan(after) else "record"
        status, reason = ClaimStatus.NOT_ESTABLISHED, f"the {missing} has no outcome for one of the two"
    elif shown and after < 0:
        status, reason = ClaimStatus.CONTRADICTED, f"the reproduction shows the opposite ({chance})"
    elif abs(after) < floor:
        status, reason = (
            ClaimStatus.NOT_ESTABLISHED,
            f"a lead of {after:+.{decimals_for(floor)}f} points is a tie ({chance})",
        )
    elif shown and after > 0 and before > 0:
        status, reason = ClaimStatus.ESTABLISHED, f"shown by the reproduction ({chance})"
    elif after > 0 and before > 0:
        status, reason = ClaimStatus.DIRECTION_ONLY, f"same direction, not shown to be more than chance ({chance})"
    else:
        status, reason = ClaimStatus.NOT_ESTABLISHED, f"record and reproduction point apart ({chance})"
    means = [
        sample(list(_values(reproduced, config, claim.task).values())).mean for config in (claim.worse, claim.better)
    ]
    worse, better = ((100 * after / mean if mean > 0 else None) for mean in means)
    return ClaimVerdict(
        claim=claim,
        record=record,
        reproduction=reproduction,
        p_holm=p,
        gap=after,
        percent_of_worse=worse,
        percent_of_better=better,
        status=status,
        reason=reason,
    )


def _gap(claim: Claim, seeds: Seeds) -> float:
    better = sample(list(_values(seeds, claim.better, claim.task).values()))
    worse = sample(list(_values(seeds, claim.worse, claim.task).values()))
    return better.mean - worse.mean
