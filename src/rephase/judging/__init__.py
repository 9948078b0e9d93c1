"""Judging a reproduced phase against recorded outcomes, as pure functions of values with known error rates.

`judge_phase` is the door for a phase, `judge_tables` for any two tables. What is judged and why is explained in
``docs/explanation/verdicts.md``; how often it is wrong is simulated by `characteristics` and published in
``docs/reference/operating-characteristics.md``. `plan_rerun` says before a rerun what it can show.
"""

from __future__ import annotations

from rephase.judging.aggregates import AggregateVerdict, judge_aggregates
from rephase.judging.cells import Cell, CellVerdict, judge_cells
from rephase.judging.claims import Claim, ClaimVerdict, claims_of, judge_claims
from rephase.judging.decisions import EXIT_CODES, ClaimStatus, Decision
from rephase.judging.digests import DigestComparison, Divergence, Origin, compare_digests, compare_outcomes
from rephase.judging.extension import Extension, extension_of
from rephase.judging.foreign import TablesVerdict, judge_sides, judge_tables, read_side
from rephase.judging.integrity import SUITE_RETURNS, Breach, Run, check_outcomes, check_pins, missing_runs
from rephase.judging.noise import episode_noise
from rephase.judging.phase import PhaseVerdict, judge_phase
from rephase.judging.planning import CellPlan, SeedPlan, plan_rerun
from rephase.judging.words import verdict_text

__all__ = [
    "EXIT_CODES",
    "SUITE_RETURNS",
    "AggregateVerdict",
    "Breach",
    "Cell",
    "CellPlan",
    "CellVerdict",
    "Claim",
    "ClaimStatus",
    "ClaimVerdict",
    "Decision",
    "Divergence",
    "Extension",
    "Origin",
    "PhaseVerdict",
    "SeedPlan",
    "DigestComparison",
    "Run",
    "TablesVerdict",
    "check_outcomes",
    "check_pins",
    "claims_of",
    "compare_digests",
    "episode_noise",
    "extension_of",
    "judge_aggregates",
    "judge_cells",
    "judge_claims",
    "judge_phase",
    "judge_sides",
    "judge_tables",
    "missing_runs",
    "plan_rerun",
    "read_side",
    "compare_outcomes",
    "verdict_text",
]
