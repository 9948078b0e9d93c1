"""The audit: every check on every file of recorded outcomes, worst first."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from rephase.judging.auditing.findings import Finding, Standing
from rephase.judging.auditing.likeness import audit_duplicates, audit_sources
from rephase.judging.auditing.runs import (
    audit_completeness,
    audit_hardware,
    audit_indices,
    audit_ranges,
    audit_submissions,
)
from rephase.judging.auditing.statements import audit_claims, audit_second_evaluation
from rephase.judging.auditing.summaries import audit_means, audit_spreads, audit_winners
from rephase.manifest.outcomes import UNTRAINED, RecordedOutcomes

__all__ = ["audit", "worst_first"]

_CHECKS = (
    audit_means,
    audit_spreads,
    audit_winners,
    audit_claims,
    audit_second_evaluation,
    audit_sources,
    audit_completeness,
    audit_indices,
    audit_hardware,
    audit_submissions,
    audit_ranges,
)


def audit(*recorded: RecordedOutcomes) -> tuple[Finding, ...]:
    """Recompute everything recorded outcomes say about themselves.

    Args:
        recorded: One or more files' worth; duplicates are looked for across all of them. Rows of untrained policies are
            nobody's statement and stay out.

    Returns:
        Findings that need attention first, then what agrees; within both in the order of files and checks.
    """
    stated = [_stated(one) for one in recorded]
    found = [finding for one in stated for check in _CHECKS for finding in check(one)]
    found += audit_duplicates(stated)
    return worst_first(found)


def _stated(recorded: RecordedOutcomes) -> RecordedOutcomes:
    return evolve(recorded, outcomes=[row for row in recorded.outcomes if recorded.source_of(row) != UNTRAINED])


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings that need attention first, then notes, then what agrees; else in the given order."""
    rank = {Standing.AGREES: 2, Standing.NOTE: 1}
    return tuple(sorted(findings, key=lambda finding: rank.get(finding.standing, 0)))
