"""Comparing two sets of outcomes cell by cell: phases, scales, variants of one, or configurations side by side.

The statistics are those claims are judged by (`rephase.judging.samples`): Welch's test, adjusted after
Holm over all cells. Nothing is called better by its mean alone. Needs no torch; nothing is run or written.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from attrs import evolve, frozen

from rephase.errors import UsageError
from rephase.judging.plain import plain
from rephase.judging.samples import Welch, holm, is_measurable, sample, welch
from rephase.manifest import Phase
from rephase.manifest.outcomes import Outcome
from rephase.manifest.rules import VerdictRules
from rephase.reproduction.checking import own_outcomes
from rephase.reproduction.storing import Store

__all__ = ["Comparison", "Difference", "Side", "compare", "side_of"]

_LEVEL = 0.05


class Difference(StrEnum):
    """What the outcomes of a cell show."""

    FIRST = "first higher"
    SECOND = "second higher"
    EQUAL = "equal within the floor"
    OPEN = "no difference shown"


@frozen(kw_only=True)
class Side:
    """One of the two things compared.

    Args:
        name: What the user called it.
        source: Where its outcomes come from, such as ``6 of 9 runs`` or ``recorded: log``.
        outcomes: The outcomes.
        configs: Configurations compared, in the phase's order.
        rules: The phase's rules; the floor says which differences matter.
    """

    name: str
    source: str
    outcomes: tuple[Outcome, ...]
    configs: tuple[str, ...]
    rules: VerdictRules


@frozen(kw_only=True)
class Comparison:
    """One cell of both sides.

    Args:
        task: Name of the task.
        first_config: Configuration of the first side.
        second_config: Configuration of the second side.
        first: Mean returns of the first side's runs, ascending, in points.
        second: The same of the second side.
        first_mean: Their mean; NaN when there is none.
        second_mean: The same of the second side.
        first_sd: Sample standard deviation; NaN below two runs.
        second_sd: The same of the second side.
        gap: Second mean less first mean.
        ratio: Second mean over first mean; None where the first is not above 0.
        test: Welch's test of the gap; None below two runs a side.
        p_holm: Its p-value adjusted over all cells; 1 where there is no test.
        difference: What that shows.
    """

    task: str
    first_config: str
    second_config: str
    first: tuple[float, ...]
    second: tuple[float, ...]
    first_mean: float
    second_mean: float
    first_sd: float
    second_sd: float
    gap: float
    ratio: float | None
    test: Welch | None
    p_holm: float = 1.0
    difference: Difference = Difference.OPEN

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON values; what is not finite is null."""
        tree: dict[str, Any] = plain(self)
        return tree


def side_of(name: str, phase: Phase, config: str, store: Store, *, recorded: bool) -> Side:
    """Collect one side.

    Args:
        name: What the user called it.
        phase: The phase.
        config: One configuration of it; empty for all.
        store: Where its runs are kept.
        recorded: Whether to take the recorded outcomes although there are completed runs.

    Raises:
        UnknownName: The phase has no such configuration.
        ManifestError: There are neither completed runs nor recorded outcomes.
        UsageError: There are no completed runs, and what is recorded is another phase's.
    """
    wanted = phase.select(config)
    found = tuple(record.outcome for run in wanted if not recorded and (record := store.record(run)) is not None)
    source = f"{len(found)} of {len(wanted)} runs"
    configs = tuple(one for one in phase.configs if config in ("", one))
    if not found:
        written = own_outcomes(phase, name)
        found = tuple(one for one in written.judged if one.config in configs)
        source = f"recorded: {written.source}"
    return Side(name=name, source=source, outcomes=found, configs=configs, rules=phase.manifest.verdict)


def compare(first: Side, second: Side) -> tuple[Comparison, ...]:
    """Compare every cell the two sides have in common.

    Two sides of one configuration each are compared whatever the configurations are called; otherwise configurations
    meet under their names.

    Args:
        first: One side.
        second: The other.

    Returns:
        One comparison a cell, by configuration and task, in the first side's order.

    Raises:
        UsageError: The sides have no cell in common.
    """
    if len(first.configs) == len(second.configs) == 1:
        pairs = [(first.configs[0], second.configs[0])]
    else:
        pairs = [(config, config) for config in first.configs if config in second.configs]
    cells = [
        _cell(task, one, other, _values(first, one, task), _values(second, other, task))
        for one, other in pairs
        for task in dict.fromkeys(outcome.task for outcome in first.outcomes)
        if any(outcome.task == task for outcome in second.outcomes)
    ]
    if not cells:
        raise UsageError(
            f"no cell in common: {_described(first)} against {_described(second)}",
            remedy="name one configuration of each, as in 'rephase compare phase3:baseline phase3:flowpolicy'",
        )
    tested = [at for at, cell in enumerate(cells) if cell.test is not None and cell.test.is_test]
    adjusted = holm([cell.test.p for cell in cells if cell.test is not None and cell.test.is_test])
    for at, p in zip(tested, adjusted, strict=True):
        cells[at] = evolve(cells[at], p_holm=p)
    floor = max(first.rules.floor, second.rules.floor)
    return tuple(evolve(cell, difference=_shown(cell, floor)) for cell in cells)


def _described(side: Side) -> str:
    tasks = dict.fromkeys(outcome.task for outcome in side.outcomes)
    return f"{side.name} has {', '.join(side.configs)} on {', '.join(tasks) or 'no task'}"


def _values(side: Side, config: str, task: str) -> tuple[float, ...]:
    own = [one.reward for one in side.outcomes if (one.config, one.task) == (config, task)]
    return tuple(sorted(value for value in own if is_measurable(value)))


def _cell(task: str, one: str, other: str, first: Sequence[float], second: Sequence[float]) -> Comparison:
    a, b = sample(first), sample(second)
    return Comparison(
        task=task,
        first_config=one,
        second_config=other,
        first=tuple(first),
        second=tuple(second),
        first_mean=a.mean,
        second_mean=b.mean,
        first_sd=a.sd,
        second_sd=b.sd,
        gap=b.mean - a.mean,
        ratio=b.mean / a.mean if a.mean > 0 and math.isfinite(b.mean) else None,
        test=welch(second, first),
    )


def _shown(cell: Comparison, floor: float) -> Difference:
    if cell.test is None:
        return Difference.OPEN
    # The floor first: with many runs a gap that matters to nobody is shown to be there, too.
    if -floor < cell.test.low and cell.test.high < floor:
        return Difference.EQUAL
    if cell.p_holm < _LEVEL and cell.gap != 0:
        return Difference.SECOND if cell.gap > 0 else Difference.FIRST
    return Difference.OPEN
