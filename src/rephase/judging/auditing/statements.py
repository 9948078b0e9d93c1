"""Auditing what is concluded from the figures: claims of one method over another, and the second evaluation."""

from __future__ import annotations

import math

from rephase.judging.auditing.findings import Finding, Standing
from rephase.judging.auditing.summaries import values_of
from rephase.judging.claims import claims_of
from rephase.judging.samples import Welch, holm, is_measurable, paired, sample, welch
from rephase.manifest.outcomes import Outcome, RecordedOutcomes

__all__ = ["audit_claims", "audit_second_evaluation", "seeds_needed"]

_LEVEL = 0.05
_POWER = 0.8
_MOST_SEEDS = 200


def audit_claims(recorded: RecordedOutcomes) -> list[Finding]:
    """Test every stated lead of one method over another on the source's own values."""
    claims = [claim for claim in claims_of(recorded) if claim.stated]
    samples = {
        claim: (
            values_of(recorded, recorded.source, claim.better, claim.task),
            values_of(recorded, recorded.source, claim.worse, claim.task),
        )
        for claim in claims
    }
    tested = {claim: test for claim in claims if (test := welch(*samples[claim])) is not None and test.is_test}
    adjusted = dict(zip(tested, holm([test.p for test in tested.values()]), strict=True))
    findings = []
    for claim in claims:
        lead = f" (+{claim.percentage:g}%)" if claim.percentage is not None else ""
        shown = claim in tested and adjusted[claim] < _LEVEL
        standing, why = Standing.UNSUPPORTED, "a lead that chance gives this often is no reason to choose a method"
        if shown and tested[claim].difference > 0:
            standing = Standing.AGREES
        elif shown:
            standing, why = Standing.CONTRADICTED, "the values show the method that is said to be better to be worse"
        elif (means := [sample(values).mean for values in samples[claim]])[0] < means[1]:
            standing, why = Standing.CONTRADICTED, "the method that is said to be better has the lower mean"
        elif claim not in tested:
            why = "without a spread on both sides nobody can say how often chance gives this lead"
        if claim in tested:
            words = _test_words(tested[claim], adjusted[claim], len(tested), *samples[claim])
        else:
            words = "fewer than two seeds on a side, or no spread between them: there is no test"
        findings.append(
            Finding(
                check="claim",
                where=f"{recorded.phase}, {claim.task}",
                logged=f"{claim.better} beats {claim.worse}{lead}",
                recomputed=words,
                standing=standing,
                why=why,
            )
        )
    return findings


def audit_second_evaluation(recorded: RecordedOutcomes) -> list[Finding]:
    """Ask whether the second reward of each run, called plan reward, shows any planning."""
    findings = []
    for source in recorded.sources:
        rows = [
            outcome
            for outcome in recorded.outcomes
            if recorded.source_of(outcome) == source
            and outcome.plan_reward is not None
            and is_measurable(outcome.reward)
            and is_measurable(outcome.plan_reward)
        ]
        if len(rows) >= 2:
            findings.append(_second_evaluation(recorded, source, rows))
    return findings


def seeds_needed(first: list[float], second: list[float]) -> int | None:
    """Return the seeds a side that would show a gap of this size with power 0.8, spreads as they are.

    Args:
        first: Values of one side, two or more.
        second: Values of the other side.

    Returns:
        Seeds a side for a two-sided Welch test at 0.05; None above 200 or without a gap or spread.
    """
    from scipy.stats import nct

    a, b = sample(first), sample(second)
    va, vb = a.sd**2, b.sd**2
    gap = abs(a.mean - b.mean)
    if gap == 0 or va + vb == 0:
        return None
    share = va / (va + vb)
    for seeds in range(2, _MOST_SEEDS + 1):
        degrees = (seeds - 1) / (share**2 + (1 - share) ** 2)
        shift = gap / math.sqrt((va + vb) / seeds)
        critical = _two_sided(degrees)
        if 1 - nct.cdf(critical, degrees, shift) + nct.cdf(-critical, degrees, shift) >= _POWER:
            return seeds
    return None


def _two_sided(degrees: float) -> float:
    from rephase.judging.samples import two_sided_quantile

    return two_sided_quantile(_LEVEL, degrees)


def _test_words(test: Welch, p: float, family: int, better: list[float], worse: list[float]) -> str:
    t = f"{test.t:.2f}" if math.isfinite(test.t) else "inf"
    degrees = f"{test.degrees:.2f}" if math.isfinite(test.degrees) else "inf"
    holm_words = f", Holm-adjusted over {family} claims p = {p:.3f}" if family > 1 else ""
    words = (
        f"gap {test.difference:.1f} points, 95% interval {test.low:.0f} to {test.high:.0f}; "
        f"Welch t = {t}, df = {degrees}, p = {test.p:.3f}{holm_words}"
    )
    needed = seeds_needed(better, worse) if p >= _LEVEL else None
    return f"{words}; {needed} seeds a side would be needed for 80% power" if needed else words


def _p_words(test: Welch | None) -> str:
    return f"p = {test.p:.2f}" if test is not None and test.is_test else "no test"


def _second_evaluation(recorded: RecordedOutcomes, source: str, rows: list[Outcome]) -> Finding:
    differences = [row.plan_reward - row.reward for row in rows if row.plan_reward is not None]
    test = paired(differences)
    noise = sample(differences).sd / math.sqrt(2)
    declared = recorded.provenance.get("plan_reward")
    helps = test is not None and test.p < _LEVEL and test.difference > 0
    words = (
        f"second less first over {len(rows)} runs: mean {sample(differences).mean:+.2f} points"
        f" ({_p_words(test)}), so one evaluation is off by {noise:.1f} points (SD) by chance"
    )
    if declared == "re-evaluate":
        words = f"the protocol evaluates the same policy again and plans nothing; {words}"
    return Finding(
        check="second evaluation",
        where=f"{recorded.phase}, {source}",
        logged="plan reward",
        recomputed=words,
        standing=Standing.NOTE if helps and declared != "re-evaluate" else Standing.UNSUPPORTED,
        why="reward and plan reward of a run are two draws of one quantity: their gap measures evaluation noise",
    )
