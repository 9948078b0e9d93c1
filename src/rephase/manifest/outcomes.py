"""What runs returned, as plain values, and the strict JSON file recorded outcomes are kept in.

One file holds the outcomes of one phase at one scale. Each row names the source it comes from, so figures of the log
and figures published later can stand in one file without being mixed: only the rows of the file's own source are
judged against, the others are there for the audit. Nothing is judged or averaged here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from attrs import NOTHING, asdict, field, fields, frozen

from rephase.errors import ManifestError, Problem
from rephase.manifest.reading import structure
from rephase.manifest.writing import write_atomically

__all__ = [
    "SCHEMA_VERSION",
    "UNTRAINED",
    "Digest",
    "Evaluated",
    "Outcome",
    "RecordedOutcomes",
    "SummaryRow",
    "outcomes_text",
    "read_outcomes",
    "write_outcomes",
]

SCHEMA_VERSION = 1
"""Version of the file's shape that this code reads and writes."""

UNTRAINED = "untrained"
"""Source of rows that say what a run's policy returns before its first update."""


def _tuple(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(values)


def _read_only(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(mapping))


@frozen(kw_only=True)
class Digest:
    """What a quantity of a run was at a step, to the bit, so that executions can be compared without their tensors.

    Args:
        step: Updates done.
        quantity: What was digested, such as ``evaluation``.
        digest: Its digest, ``sha256:<64 hex>``.
    """

    step: int
    quantity: str
    digest: str


@frozen(kw_only=True)
class Evaluated:
    """What a run's policy returned at a step on its way.

    Args:
        step: Updates done.
        reward: Mean return of the episodes played then, points.
    """

    step: int
    reward: float


@frozen(kw_only=True)
class Outcome:
    """What one run returned.

    Args:
        config: Name of the configuration in the phase's manifest.
        task: Name of the task.
        seed: Seed of the run.
        reward: Mean return of the evaluation, in points (0 to 1000 for the suite's tasks).
        plan_reward: Mean return of the second evaluation, which the log calls plan reward; None where there was none.
        episode_returns: Return of every evaluation episode, in order; empty where only the mean is known.
        plan_episode_returns: The same of the second evaluation.
        job: Job the run was, as the cluster named it, such as ``4011713_0``; empty where unknown.
        hardware: Accelerator or processor the run was made on; empty where unknown.
        epochs: Epochs the run was trained for; None where unknown.
        config_digest: Digest of the resolved configuration, ``sha256:<64 hex>``; empty where unknown.
        source: Where the figures come from, such as ``log``; empty means the file's own source.
        digests: Digests the run left on its way, for replay; empty where it left none.
        curve: Evaluations on the way, the last one included; empty where there was only the last.
        predicted_return: What the run's own world model promises for the episodes of the evaluation, points; None where
            it has none of its own.
        update_seconds: Processor seconds of one update, of those of the runs trained together an equal share; None
            where unknown. For comparing costs on one machine: no verdict looks at it.
    """

    config: str
    task: str
    seed: int
    reward: float
    plan_reward: float | None = None
    episode_returns: tuple[float, ...] = field(default=(), converter=_tuple)
    plan_episode_returns: tuple[float, ...] = field(default=(), converter=_tuple)
    job: str = ""
    hardware: str = ""
    epochs: int | None = None
    config_digest: str = ""
    source: str = ""
    digests: tuple[Digest, ...] = ()
    curve: tuple[Evaluated, ...] = ()
    predicted_return: float | None = None
    update_seconds: float | None = None

    @property
    def run(self) -> tuple[str, str, int]:
        """The run it is the outcome of: configuration, task and seed."""
        return self.config, self.task, self.seed


@frozen(kw_only=True)
class SummaryRow:
    """One statement of a source about a cell, kept as it was written and never corrected.

    Args:
        config: Name of the configuration.
        task: Name of the task.
        mean: Mean as stated.
        spread: Spread as stated, whatever it may be; None where none was stated.
        winner: Configuration stated to be better on this task; ``tie`` or empty where none was.
        percentage: Lead of the winner as stated, in percent; None where none was stated.
        decimals: Decimals the spread was stated with, for the rounding model.
        remark: Words that came with it, such as ``solved``.
        source: Who states it; empty means the file's own source.
    """

    config: str
    task: str
    mean: float
    spread: float | None = None
    winner: str = ""
    percentage: float | None = None
    decimals: int = 1
    remark: str = ""
    source: str = ""


@frozen(kw_only=True)
class RecordedOutcomes:
    """Outcomes a phase is compared with, and what their source said about them.

    Args:
        schema: Version of the file's shape.
        phase: Name of the phase, such as ``phase3``.
        scale: ``logged`` or ``embedded``.
        source: Source whose rows are judged against, such as ``log`` or ``reference execution``.
        provenance: How the figures came about: keys and JSON values, for people.
        outcomes: One row per run and source.
        summary: What the source itself made of them.
    """

    phase: str
    scale: str
    source: str
    outcomes: tuple[Outcome, ...] = field(converter=_tuple)
    schema: int = SCHEMA_VERSION
    provenance: Mapping[str, Any] = field(factory=dict, converter=_read_only, hash=False)
    summary: tuple[SummaryRow, ...] = field(default=(), converter=_tuple)

    @property
    def judged(self) -> tuple[Outcome, ...]:
        """The rows of the file's own source: those a reproduction is judged against."""
        return tuple(outcome for outcome in self.outcomes if self.source_of(outcome) == self.source)

    @property
    def untrained(self) -> tuple[Outcome, ...]:
        """The rows of policies before their first update; never judged against."""
        return tuple(outcome for outcome in self.outcomes if self.source_of(outcome) == UNTRAINED)

    @property
    def sources(self) -> tuple[str, ...]:
        """Every source that has a row, the file's own first, the others by name."""
        named = {self.source_of(outcome) for outcome in self.outcomes}
        return (*([self.source] if self.source in named else []), *sorted(named - {self.source}))

    def source_of(self, row: Outcome | SummaryRow) -> str:
        """Return the source of a row of this file."""
        return row.source or self.source


def read_outcomes(path: Path) -> RecordedOutcomes:
    """Read a file of recorded outcomes; nothing in it is guessed, coerced or skipped.

    Args:
        path: The JSON file.

    Returns:
        What it says.

    Raises:
        ManifestError: If the file is missing, is no JSON or says something it may not: all problems at once.
    """
    name = str(path)
    doubled: list[str] = []
    try:
        text = path.read_text(encoding="utf-8")
        tree = json.loads(text, object_pairs_hook=partial(_table, doubled), parse_int=_whole_number)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ManifestError(name, [Problem("", f"cannot be read ({reason})", "check the path")]) from error
    except (ValueError, RecursionError) as error:
        raise ManifestError(name, [Problem("", f"not JSON: {error}", "restore the file or write it again")]) from error
    if doubled:
        problem = "the key is given twice in one table"
        raise ManifestError(name, [Problem(key, problem, "keep one of the two") for key in doubled])
    if isinstance(tree, dict):
        _check_schema(name, tree)
    return structure(tree, RecordedOutcomes, name)


def outcomes_text(recorded: RecordedOutcomes) -> str:
    """Return the file's text: JSON with sorted keys, fields at their defaults left out of rows.

    Args:
        recorded: What to write.

    Returns:
        Text that `read_outcomes` reads back to an equal value.

    Raises:
        ManifestError: If a number is not finite, which JSON cannot say.
    """
    tree = {
        "schema": recorded.schema,
        "phase": recorded.phase,
        "scale": recorded.scale,
        "source": recorded.source,
        "provenance": dict(recorded.provenance),
        "outcomes": [_row(outcome) for outcome in recorded.outcomes],
        "summary": [_row(row) for row in recorded.summary],
    }
    try:
        return json.dumps(tree, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False, default=_plain) + "\n"
    except ValueError as error:
        problems = [
            Problem(where, f"{value!r} cannot be recorded, expected a finite number", "repeat the run")
            for where, value in _not_finite(tree, "")
        ]
        raise ManifestError("recorded outcomes", problems) from error


def write_outcomes(path: Path, recorded: RecordedOutcomes) -> None:
    """Write recorded outcomes to a file, atomically: a reader sees the old file or the new one.

    Args:
        path: Where to; missing folders are made.
        recorded: What to write.

    Raises:
        ManifestError: If a number is not finite; nothing is written then.
    """
    write_atomically(path, outcomes_text(recorded))


def _check_schema(name: str, tree: Mapping[str, Any]) -> None:
    if "schema" not in tree:
        raise ManifestError(name, [Problem("schema", "missing key", f"add it; this version writes {SCHEMA_VERSION}")])
    version = tree["schema"]
    if type(version) is int and version != SCHEMA_VERSION:
        problem = f"version {version} is not known, expected {SCHEMA_VERSION}"
        raise ManifestError(name, [Problem("schema", problem, "update rephase")])


def _whole_number(digits: str) -> int | float:
    # Beyond a double's range it is no number anybody measured; infinity makes the strict reader say so.
    return int(digits) if len(digits) < 300 else math.inf


def _table(doubled: list[str], pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key, value in pairs:
        if key in table:
            doubled.append(key)
        table[key] = value
    return table


def _row(value: Outcome | SummaryRow) -> dict[str, Any]:
    defaults = {attribute.name: attribute.default for attribute in fields(type(value))}
    tree = asdict(value)
    return {key: item for key, item in tree.items() if defaults[key] is NOTHING or item != defaults[key]}


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _not_finite(value: Any, path: str) -> list[tuple[str, float]]:
    if isinstance(value, float):
        return [] if math.isfinite(value) else [(path, value)]
    found: list[tuple[str, float]] = []
    if isinstance(value, Mapping):
        for key, item in value.items():
            found += _not_finite(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            found += _not_finite(item, f"{path}[{index}]")
    return found
