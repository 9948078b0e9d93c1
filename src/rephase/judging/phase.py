"""Judging a phase: integrity, replay, cells, aggregates and claims put together into one decision.

A pure function of values: it reads no file, writes none and draws no random number.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from rephase.judging.aggregates import AggregateVerdict, judge_aggregates
from rephase.judging.cells import Cell, CellVerdict, judge_cells
from rephase.judging.claims import Claim, ClaimVerdict, Seeds, claims_of, judge_claims
from rephase.judging.decisions import EXIT_CODES, Decision
from rephase.judging.digests import DigestComparison, Origin
from rephase.judging.extension import Extension, extension_of
from rephase.judging.integrity import SUITE_RETURNS, Breach, Run, broken_cells, check_outcomes, missing_runs
from rephase.judging.learned import like_untrained
from rephase.judging.noise import noise_by_cell
from rephase.judging.plain import plain
from rephase.manifest.outcomes import Outcome, RecordedOutcomes
from rephase.manifest.rules import VerdictRules

__all__ = ["PhaseVerdict", "judge_phase"]


@frozen(kw_only=True)
class PhaseVerdict:
    """How a phase was judged, with everything the judgement rests on.

    Args:
        phase: Name of the phase.
        scale: ``logged`` or ``embedded``.
        source: Source of the outcomes it was judged against.
        rules: The numbers it was judged by.
        decision: PASS, FAIL, INCONCLUSIVE, INVALID, EXACT or NOTHING TO JUDGE YET.
        reason: One sentence saying why.
        breaches: Integrity breaches; any makes the phase INVALID.
        replay: Digest comparison; None when there was none.
        cells: Every cell, in the order of the declared runs.
        aggregates: Every method's mean shift, by configuration.
        claims: What the record says about methods against each other, judged apart; they decide nothing.
        extension: The runs that would settle an INCONCLUSIVE phase; None where there is nothing to add.
        missing: Declared runs that are still to be done.
        notes: What a reader should know although it decides nothing, such as resumed runs.
        origins: In what the machines and software of record and runs differ, which is why their bits may.
    """

    phase: str
    scale: str
    source: str
    rules: VerdictRules
    decision: Decision
    reason: str
    breaches: tuple[Breach, ...] = ()
    replay: DigestComparison | None = None
    cells: tuple[CellVerdict, ...] = ()
    aggregates: tuple[AggregateVerdict, ...] = ()
    claims: tuple[ClaimVerdict, ...] = ()
    extension: Extension | None = None
    missing: tuple[Run, ...] = ()
    notes: tuple[str, ...] = ()
    origins: tuple[Origin, ...] = ()

    @property
    def exit_code(self) -> int:
        """Exit code of `rephase check`: 0 PASS or EXACT, 1 FAIL, 3 nothing to judge, 4 INCONCLUSIVE, 5 INVALID."""
        return EXIT_CODES[self.decision]

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values; what is not finite is null."""
        tree: dict[str, Any] = plain(self)
        return {**tree, "exit_code": self.exit_code}


def judge_phase(
    recorded: RecordedOutcomes,
    reproduced: Sequence[Outcome],
    rules: VerdictRules,
    *,
    runs: Iterable[Run] | None = None,
    extension_seeds: Sequence[int] | None = None,
    claims: Sequence[Claim] | None = None,
    config_digests: Mapping[str, str] | None = None,
    breaches: Sequence[Breach] = (),
    replay: DigestComparison | None = None,
    notes: Sequence[str] = (),
    returns: tuple[float, float] | None = SUITE_RETURNS,
    nothing: str = "",
    origins: Sequence[Origin] = (),
) -> PhaseVerdict:
    """Judge a phase.

    Args:
        recorded: Recorded outcomes; only the rows of their own source count.
        reproduced: Measured outcomes, one a run, in any order.
        rules: The numbers to judge by, as the manifest declared them.
        runs: Runs the manifest declares; None takes those that are recorded.
        extension_seeds: Seeds declared beforehand for the one extension of an inconclusive phase; None takes the
            usual ones up to six a cell.
        claims: Claims to judge; None takes those the record makes.
        config_digests: Digest of each method's resolved configuration, to bind names to what was run.
        breaches: Integrity breaches found elsewhere, such as by `check_pins`.
        replay: Digest comparison, where there was one.
        notes: What a reader should know although it decides nothing.
        returns: Lowest and highest return there can be; None for any finite number.
        nothing: Why there is nothing to judge, such as runs the record was made from; empty where there may be.
        origins: In what machines and software of record and runs differ.

    Returns:
        The verdict. Never raises for what the values are: what cannot be judged is INVALID or INCONCLUSIVE.
    """
    judged = recorded.judged
    named = list(dict.fromkeys(runs)) if runs is not None else sorted({outcome.run for outcome in judged})
    declared = set(named)
    extra = extension_of(declared, extension_seeds)
    if {outcome.run for outcome in reproduced} & set(extra.runs):
        declared |= set(extra.runs)  # the extension is declared beforehand; once begun, all of it must be run
    found = (*breaches, *check_outcomes(judged, reproduced, declared, config_digests, returns))
    broken = broken_cells(found)
    order = [run[:2] for run in named]
    cells = judge_cells(_values(judged), _values(reproduced), rules, broken, order) if reproduced else ()
    noise = noise_by_cell(judged, reproduced)
    untrained = like_untrained(_values(recorded.untrained), _values(judged), rules)
    cells = tuple(
        evolve(
            cell,
            noise=noise.get((cell.config, cell.task), math.nan),
            untrained=untrained.get((cell.config, cell.task), ""),
        )
        for cell in cells
    )
    aggregates = judge_aggregates(cells, rules)
    missing = missing_runs(declared, reproduced)
    open_ = nothing or _still_to_do(missing, declared, judged)
    decision, reason = _decide(found, replay, cells, aggregates, open_, rules.decimals)
    stated = claims_of(recorded, rules.floor) if claims is None else tuple(claims)
    seeds = _seeds(judged, broken), _seeds(reproduced, broken)
    return PhaseVerdict(
        phase=recorded.phase,
        scale=recorded.scale,
        source=recorded.source,
        rules=rules,
        decision=decision,
        reason=reason,
        breaches=found,
        replay=replay,
        cells=cells,
        aggregates=aggregates,
        claims=judge_claims(stated, *seeds, rules.floor) if reproduced else (),
        extension=_remedy(decision, declared, extension_seeds),
        missing=missing,
        notes=(*notes, *_epochs_differ(judged, reproduced), *_noisy(cells), *_untrained(cells)),
        origins=tuple(origins),
    )


def _still_to_do(missing: Sequence[Run], declared: set[Run], recorded: Sequence[Outcome]) -> str:
    if not recorded or not missing:
        return ""
    if len(missing) == len(declared):
        return "no run is complete"
    done = f"{len(declared) - len(missing)} of {len(declared)} runs are complete"
    named = ", ".join(f"{config}/{task}/seed {seed}" for config, task, seed in missing[:3])
    return f"{done}; still to do: {named}{' and others' if len(missing) > 3 else ''}"


def _decide(
    breaches: Sequence[Breach],
    replay: DigestComparison | None,
    cells: Sequence[CellVerdict],
    aggregates: Sequence[AggregateVerdict],
    nothing: str,
    decimals: int,
) -> tuple[Decision, str]:
    failed = [_named(cell) for cell in cells if cell.decision is Decision.FAIL]
    failed += [f"{one.config} over all tasks" for one in aggregates if one.decision is Decision.FAIL]
    open_cells = [cell for cell in cells if cell.decision is not Decision.PASS]
    if breaches:
        count = f"{len(breaches)} integrity {'breach' if len(breaches) == 1 else 'breaches'}"
        return Decision.INVALID, f"{count}, the first: {breaches[0]}"
    if nothing:
        return Decision.NOTHING, nothing
    if not cells:
        return Decision.INVALID, "there is nothing to compare: no outcome on either side"
    if any(cell.decision is Decision.INVALID for cell in cells):
        first = next(cell for cell in cells if cell.decision is Decision.INVALID)
        return Decision.INVALID, f"{_named(first)}: {first.reason}"
    if failed:
        return Decision.FAIL, f"a material shift was shown for {', '.join(failed)}"
    if replay is not None and replay.is_exact:
        return Decision.EXACT, f"all {replay.compared} digests and all returns are equal, to the bit"
    if open_cells:
        named = ", ".join(f"{_named(cell)} ({cell.reason})" for cell in open_cells)
        return Decision.INCONCLUSIVE, f"neither a shift nor its absence was shown for {named}"
    return Decision.PASS, _left_open(cells, decimals)


def _left_open(cells: Sequence[CellVerdict], decimals: int) -> str:
    """What a PASS does not exclude, in the cell where that is most."""
    widest = max(cells, key=lambda cell: cell.upper)
    share = "" if widest.upper_percent is None else f" ({widest.upper_percent:.0f}% of its mean)"
    count = f"{len(cells)} {'cell' if len(cells) == 1 else 'cells'}"
    unit = 10.0 ** (decimals if decimals > 1 else 0)  # whole points where points are many
    points = f"{math.ceil(round(widest.upper * unit, 6)) / unit:.15g}"
    return f"no shift shown in {count}; shifts of up to {points} points{share} on {_named(widest)} are left open"


def _named(cell: CellVerdict) -> str:
    return f"{cell.config}/{cell.task}"


def _noisy(cells: Sequence[CellVerdict]) -> list[str]:
    """Cells whose seeds spread less than their episodes alone would make them."""
    named = [
        f"{_named(cell)} ({cell.pooled_sd:.1f} points, episodes alone {cell.noise:.1f})"
        for cell in cells
        if cell.is_judged and cell.pooled_sd < cell.noise
    ]
    if not named:
        return []
    remedy = "their spread is luck, and 'rephase evaluate' plays more episodes"
    return [f"seeds spread less than their episodes alone would make them: {', '.join(named)}; {remedy}"]


def _untrained(cells: Sequence[CellVerdict]) -> list[str]:
    return [f"{_named(cell)}: {cell.untrained}" for cell in cells if cell.untrained]


def _epochs_differ(recorded: Sequence[Outcome], reproduced: Sequence[Outcome]) -> list[str]:
    sides = [{outcome.epochs for outcome in side} - {None} for side in (recorded, reproduced)]
    if not all(sides) or sides[0] == sides[1]:
        return []
    before, after = (" and ".join(f"{count:,}" for count in sorted(filter(None, side))) for side in sides)
    return [f"the recorded runs had {before} epochs, the reproduced ones {after}: they are not the same experiment"]


def _remedy(decision: Decision, declared: set[Run], extension_seeds: Sequence[int] | None) -> Extension | None:
    extension = extension_of(declared, extension_seeds)
    return extension if decision is Decision.INCONCLUSIVE and extension.runs else None


def _values(outcomes: Sequence[Outcome]) -> dict[Cell, list[float]]:
    values: dict[Cell, list[float]] = {}
    for outcome in outcomes:
        values.setdefault((outcome.config, outcome.task), []).append(outcome.reward)
    return values


def _seeds(outcomes: Sequence[Outcome], broken: Mapping[Cell, str]) -> Seeds:
    seeds: dict[Cell, dict[int, float]] = {}
    for outcome in outcomes:
        if outcome.run[:2] not in broken:
            seeds.setdefault(outcome.run[:2], {})[outcome.seed] = outcome.reward
    return seeds
