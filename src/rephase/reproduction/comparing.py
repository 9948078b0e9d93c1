"""Comparing two sets of outcomes cell by cell: phases, scales, variants of one, or configurations side by side.

The statistics are those claims are judged by (`rephase.judging.samples`): Welch's test, adjusted after
Holm over all cells. Nothing is called better by its mean alone. Needs no torch; nothing is run or written.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from attrs import evolve, field, frozen

from rephase.errors import UsageError
from rephase.judging import compare_outcomes
from rephase.judging.plain import plain
from rephase.judging.samples import Welch, holm, is_measurable, sample, welch
from rephase.manifest import Phase
from rephase.manifest.outcomes import Outcome
from rephase.manifest.rules import VerdictRules
from rephase.reproduction.checking import own_outcomes
from rephase.reproduction.storing import Store

__all__ = [
    "Comparison",
    "Difference",
    "Setting",
    "ComparedSide",
    "compare",
    "differing_settings",
    "equal_runs",
    "side_of",
]

_LEVEL = 0.05


class Difference(StrEnum):
    """What the outcomes of a cell show."""

    FIRST = "first higher"
    SECOND = "second higher"
    EQUAL = "equal within the floor"
    OPEN = "no difference shown"


@frozen(kw_only=True)
class ComparedSide:
    """One of the two things compared.

    Args:
        name: What the user called it.
        source: Where its outcomes come from, such as ``6 of 9 runs`` or ``recorded: log``.
        outcomes: The outcomes.
        configs: Configurations compared, in the phase's order.
        rules: The phase's rules; the floor says which differences matter.
        settings: Everything that fixes what a run computes, by configuration and dotted path.
        provenance: Where the outcomes come from: one entry a run, or one for all that were recorded.
    """

    name: str
    source: str
    outcomes: tuple[Outcome, ...]
    configs: tuple[str, ...]
    rules: VerdictRules
    settings: Mapping[str, Mapping[str, str]] = field(factory=dict)
    provenance: tuple[Mapping[str, Any], ...] = ()


@frozen(kw_only=True)
class Setting:
    """A setting in which the two sides differ.

    Args:
        name: Dotted path, such as ``algorithm.epochs``; with the configuration before it where not all differ so.
        first: Its value on the first side; empty where it has none.
        second: Its value on the second side.
    """

    name: str
    first: str
    second: str


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


def side_of(name: str, phase: Phase, config: str, store: Store, *, recorded: bool) -> ComparedSide:
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
    records = [record for run in wanted if not recorded and (record := store.record(run)) is not None]
    found = tuple(record.outcome for record in records)
    provenance: tuple[Mapping[str, Any], ...] = tuple(record.provenance for record in records)
    source = f"{len(found)} of {len(wanted)} runs"
    configs = tuple(one for one in phase.configs if config in ("", one))
    if not found:
        written = own_outcomes(phase, name)
        found = tuple(one for one in written.judged if one.config in configs)
        source = f"recorded: {written.source}"
        provenance = (written.provenance,)
    return ComparedSide(
        name=name,
        source=source,
        outcomes=found,
        configs=configs,
        rules=phase.manifest.verdict,
        settings={one: _settings(phase, one) for one in configs},
        provenance=provenance,
    )


def differing_settings(first: ComparedSide, second: ComparedSide) -> tuple[Setting, ...]:
    """Every setting in which the compared configurations differ, the number of epochs first, then by name.

    Args:
        first: One side.
        second: The other.

    Returns:
        The settings; one in which all compared configurations differ alike is given once.
    """
    pairs = _pairs(first, second)
    found: dict[tuple[str, str, str], list[str]] = {}
    for one, other in pairs:
        mine, theirs = first.settings.get(one, {}), second.settings.get(other, {})
        for name in {*mine, *theirs}:
            values = mine.get(name, ""), theirs.get(name, "")
            if values[0] != values[1]:
                found.setdefault((name, *values), []).append(one)
    settings = [
        Setting(name=name if len(configs) == len(pairs) else f"{config}: {name}", first=before, second=after)
        for (name, before, after), configs in found.items()
        for config in (configs[:1] if len(configs) == len(pairs) else configs)
    ]
    return tuple(sorted(settings, key=lambda one: ("algorithm.epochs" not in one.name, one.name)))


def equal_runs(first: ComparedSide, second: ComparedSide) -> tuple[int, int] | None:
    """How many runs of the same name are equal to the bit on both sides, digests and returns.

    Args:
        first: One side.
        second: The other.

    Returns:
        Equal runs and compared runs; None where no run of one name has digests on both sides.
    """
    names = {outcome.run for outcome in first.outcomes if outcome.digests}
    shared = [outcome for outcome in second.outcomes if outcome.run in names and outcome.digests]
    replay = compare_outcomes(first.outcomes, shared)
    return (len(shared) - len(replay.divergences), len(shared)) if replay is not None else None


def _settings(phase: Phase, config: str) -> dict[str, str]:
    resolved = {key: value for key, value in phase.resolved(config).items() if key != "name"}
    return {**_flat(resolved), "seeds": ", ".join(map(str, phase.manifest.seeds))}


def _flat(tree: Mapping[str, Any], path: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in tree.items():
        name = f"{path}.{key}" if path else str(key)
        if isinstance(value, Mapping):
            found |= _flat(value, name)
        elif value not in (None, "", (), []):
            found[name] = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return found


def _pairs(first: ComparedSide, second: ComparedSide) -> list[tuple[str, str]]:
    """Configurations that are compared: one of each side whatever it is called, otherwise those of one name."""
    if len(first.configs) == len(second.configs) == 1:
        return [(first.configs[0], second.configs[0])]
    return [(config, config) for config in first.configs if config in second.configs]


def compare(first: ComparedSide, second: ComparedSide) -> tuple[Comparison, ...]:
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
    cells = [
        _cell(task, one, other, _values(first, one, task), _values(second, other, task))
        for one, other in _pairs(first, second)
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


def _described(side: ComparedSide) -> str:
    tasks = dict.fromkeys(outcome.task for outcome in side.outcomes)
    return f"{side.name} has {', '.join(side.configs)} on {', '.join(tasks) or 'no task'}"


def _values(side: ComparedSide, config: str, task: str) -> tuple[float, ...]:
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
