"""Does this table come back? Any lab's two tables, judged by the rules that phases are judged by.

`judge_tables` is the door: no checkout, no plugins, no torch. Nothing is known of the runs but what the tables say, so
there is no integrity of inputs and no replay here; what that leaves open is among the notes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from rephase.errors import UsageError
from rephase.judging.cells import Cell
from rephase.judging.claims import Claim, ClaimVerdict, judge_claims
from rephase.judging.decisions import EXIT_CODES, Decision
from rephase.judging.phase import PhaseVerdict, judge_phase
from rephase.judging.plain import plain
from rephase.judging.sides import Side, side_of
from rephase.judging.tables import SUFFIXES, Remark
from rephase.judging.words import verdict_text
from rephase.manifest.outcomes import Outcome, RecordedOutcomes
from rephase.manifest.rules import VerdictRules

__all__ = ["TablesVerdict", "judge_sides", "judge_tables", "read_side", "rules_for"]

FLOOR_SHARE = 0.02
"""Share of the range, or of the mean size of recorded values, that is the floor where none is given."""

_SHOWN = 12


@frozen(kw_only=True)
class TablesVerdict:
    """How a rerun's table was judged against a recorded one.

    Args:
        verdict: The judgement of its cells, methods and order of methods.
        decision: PASS, FAIL, INCONCLUSIVE, INVALID or NOTHING TO JUDGE YET.
        reason: One sentence saying why.
        remarks: What is to be said of lines of either side: not read and why, or how they were understood.
        titles: Names of methods and tasks as written, by the names the verdict has.
    """

    verdict: PhaseVerdict
    decision: Decision
    reason: str
    remarks: tuple[Remark, ...] = ()
    titles: Mapping[str, str] = field(factory=dict)

    @property
    def exit_code(self) -> int:
        """Exit code of `rephase judge`: 0 PASS, 1 FAIL, 3 nothing to judge, 4 INCONCLUSIVE, 5 INVALID."""
        return EXIT_CODES[self.decision]

    @property
    def text(self) -> str:
        """The verdict in words, the decision last."""
        lines = [f"finding: {remark}" for remark in self.remarks[:_SHOWN]]
        if len(self.remarks) > _SHOWN:
            lines.append(f"finding: and {len(self.remarks) - _SHOWN} more (--json has all)")
        return "\n\n".join(part for part in ("\n".join(lines), verdict_text(self.verdict, self.titles)) if part)

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values; what is not finite is null."""
        remarks = [{**plain(remark), "where": remark.where} for remark in self.remarks]
        tree = self.verdict.to_json()
        for key in ("phase", "scale", "source", "replay", "extension", "missing"):
            del tree[key]
        return {**tree, "findings": remarks, "titles": dict(self.titles)}


def judge_tables(
    recorded: str | Path,
    rerun: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    returns: tuple[float, float] | None = None,
    floor: float | None = None,
    k: float | None = None,
    lower_is_better: bool = False,
    seeds: int | None = None,
) -> TablesVerdict:
    """Judge whether a table came back.

    Args:
        recorded: File of the recorded values, or a folder of files: CSV, TSV, JSON lines or Markdown.
        rerun: The same of the rerun.
        columns: Names of columns by ``method``, ``task``, ``seed`` and ``value``; None takes the usual names.
        returns: Lowest and highest value there can be; None for any.
        floor: Shift that matters to nobody, in the values' unit; None takes 2% of the range, or else of the mean size
            of the recorded values.
        k: Widest shift a PASS may leave open, in standard deviations between seeds; None takes 4, or 3 with many seeds.
        lower_is_better: Whether lower values are better, for what is said of methods against each other.
        seeds: Number of seeds of means that do not say how many they are of.

    Returns:
        The verdict; `TablesVerdict.text` says it in words.

    Raises:
        UsageError: A file cannot be read, holds no values, or the two have no cell in common.
    """
    sides = [read_side(side, columns, seeds) for side in (recorded, rerun)]
    return judge_sides(*sides, returns=returns, floor=floor, k=k, lower_is_better=lower_is_better)


def read_side(
    side: str | Path, columns: Mapping[str, str] | None = None, seeds: int | None = None, content: bytes | None = None
) -> Side:
    """Read one side from a file or from all files of a folder.

    Args:
        side: The file or folder.
        columns: Names of columns, see `judge_tables`.
        seeds: Number of seeds of means that do not say.
        content: What the file holds, where it is no file, such as standard input.

    Raises:
        UsageError: It cannot be read or holds no values.
    """
    path = Path(side)
    if content is not None:
        return side_of(str(side), {str(side): content}, columns, seeds)
    try:
        if path.is_dir():
            found = sorted(one for one in path.rglob("*") if one.is_file() and one.suffix.lower() in SUFFIXES)
            files = {one.relative_to(path).as_posix(): one.read_bytes() for one in found}
        else:
            files = {path.name: path.read_bytes()}
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError(f"cannot be read ({reason})", where=str(side), remedy="check the path") from error
    if not files:
        raise UsageError("holds no table", where=str(side), remedy=f"expected files ending in {', '.join(SUFFIXES)}")
    return side_of(str(side), files, columns, seeds, is_folder=path.is_dir())


def rules_for(
    recorded: Side, returns: tuple[float, float] | None, floor: float | None, k: float | None
) -> tuple[VerdictRules, str]:
    """Return the numbers to judge by, and in words where the floor is from.

    Raises:
        UsageError: A number is outside its range.
    """
    if returns is not None and not (all(map(math.isfinite, returns)) and returns[0] < returns[1]):
        raise UsageError(
            f"the range is {returns[0]:g} to {returns[1]:g}", remedy="expected two numbers, the lower first"
        )
    if floor is not None:
        words = "as given"
    elif returns is not None:
        floor, words = FLOOR_SHARE * (returns[1] - returns[0]), "2% of the range"
    else:
        means = [abs(math.fsum(cell.values()) / len(cell)) for cell in recorded.values.values()]
        floor, words = FLOOR_SHARE * math.fsum(means) / len(means), "2% of the mean size of the recorded cells"
    numbers = {"floor": float(floor)} | ({} if k is None else {"k_small": float(k), "k_large": float(k)})
    try:
        rules = VerdictRules(**numbers, because=f"floor: {words}; the rest as for phases")
    except ValueError as error:
        raise UsageError(str(error), remedy="say other --floor or --k") from error
    return rules, f"floor: a shift of {rules.floor:.4g} matters to nobody ({words}; --floor says another)"


def judge_sides(
    recorded: Side,
    rerun: Side,
    *,
    returns: tuple[float, float] | None = None,
    floor: float | None = None,
    k: float | None = None,
    lower_is_better: bool = False,
) -> TablesVerdict:
    """Judge two sides that have been read; see `judge_tables`.

    Raises:
        UsageError: They have no cell in common, or a number is outside its range.
    """
    rules, floor_words = rules_for(recorded, returns, floor, k)
    titles = {**rerun.titles, **recorded.titles}
    common = [cell for cell in recorded.values if cell in rerun.values]
    if not common:
        raise UsageError(_apart(recorded, rerun), remedy="name methods and tasks alike, or say --method and --task")
    absent = [cell for cell in recorded.values if cell not in rerun.values]
    extra = [cell for cell in rerun.values if cell not in recorded.values]
    notes = [floor_words, *dict.fromkeys((*recorded.notes, *rerun.notes))]
    if extra:
        notes.append(f"not in the record and not judged: {_cells(extra, titles)}")
    if all(recorded.values[cell] == rerun.values[cell] for cell in common):
        notes.append("every value is the recorded one: a copy of the record looks like this, too")
    verdict = judge_phase(
        RecordedOutcomes(phase="", scale="", source=recorded.name, outcomes=_outcomes(recorded, common, titles)),
        _outcomes(rerun, common, titles),
        rules,
        runs=[(titles[c], titles[t], seed) for c, t in common for seed in rerun.values[c, t]],
        claims=(),
        breaches=[*recorded.breaches, *rerun.breaches],
        notes=notes,
        returns=returns,
    )
    claims = _claims(recorded, rerun, common, titles, rules.floor, lower_is_better)
    decision, reason = _decide(verdict, absent, (*recorded.remarks, *rerun.remarks), titles)
    name = f"{rerun.name} against {recorded.name}"
    verdict = evolve(verdict, phase=name, decision=decision, reason=reason, claims=claims, extension=None)
    remarks = (*_of(recorded), *_of(rerun))
    return TablesVerdict(verdict=verdict, decision=decision, reason=reason, remarks=remarks, titles=titles)


def _decide(
    verdict: PhaseVerdict, absent: Sequence[Cell], remarks: Sequence[Remark], titles: Mapping[str, str]
) -> tuple[Decision, str]:
    """A PASS is of all that was recorded and of all that stands there; otherwise it is open."""
    lost = [remark for remark in remarks if remark.is_loss]
    if verdict.decision not in (Decision.PASS, Decision.INCONCLUSIVE) or not (absent or lost):
        return verdict.decision, verdict.reason
    parts = [f"not in the rerun: {_cells(absent, titles)}"] if absent else []
    parts += [f"not read: {lost[0]}{f' and {len(lost) - 1} more' if len(lost) > 1 else ''}"] if lost else []
    return Decision.INCONCLUSIVE, f"{'; '.join(parts)}; in what is there: {verdict.reason}"


def _claims(
    recorded: Side, rerun: Side, common: Sequence[Cell], titles: Mapping[str, str], floor: float, is_lower: bool
) -> tuple[ClaimVerdict, ...]:
    """The recorded order of methods on every task, where it is more than the floor."""
    sign = -1 if is_lower else 1
    sides = [
        {(titles[c], titles[t]): {seed: sign * value for seed, value in side.values[c, t].items()} for c, t in common}
        for side in (recorded, rerun)
    ]
    means = {cell: math.fsum(values.values()) / len(values) for cell, values in sides[0].items()}
    claims = []
    for better, task in means:
        for worse, other in means:
            if task == other and means[better, task] - means[worse, task] >= max(floor, 1e-300):
                claims.append(Claim(task=task, better=better, worse=worse, stated=False))
    return judge_claims(claims, sides[0], sides[1], floor)


def _outcomes(side: Side, common: Sequence[Cell], titles: Mapping[str, str]) -> list[Outcome]:
    return [
        Outcome(config=titles[method], task=titles[task], seed=seed, reward=value)
        for method, task in common
        for seed, value in side.values[method, task].items()
    ]


def _of(side: Side) -> list[Remark]:
    """Remarks with the side's name where that of the file does not tell."""
    return [evolve(remark, file=remark.file or side.name) for remark in side.remarks]


def _cells(cells: Sequence[Cell], titles: Mapping[str, str]) -> str:
    named = [f"{titles.get(method, method)} on {titles.get(task, task)}" for method, task in cells]
    return ", ".join(named[:6]) + (f" and {len(named) - 6} more" if len(named) > 6 else "")


def _apart(recorded: Side, rerun: Side) -> str:
    parts = [f"{side.name} has {_cells(list(side.values), side.titles)}" for side in (recorded, rerun)]
    return f"the two have no method on a task in common: {'; '.join(parts)}"
