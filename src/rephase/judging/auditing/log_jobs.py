"""What a log says about its jobs: arrays against the grid of runs, indices against runs, states against outcomes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from rephase.judging.auditing.findings import Finding, Standing
from rephase.judging.auditing.log_names import name_of
from rephase.judging.tables import Remark, Row, Table
from rephase.judging.tables.columns import word_of
from rephase.judging.tables.figures import plain_text
from rephase.manifest.outcomes import Outcome

__all__ = ["Grid", "JobRow", "Submissions", "audit_submitted", "grid_of", "submissions_of"]

STATES = ("QUEUED", "RUNNING", "COMPLETED", "FAILED")
_SYNONYMS = {"PENDING": "QUEUED", "SUBMITTED": "QUEUED", "DONE": "COMPLETED", "FINISHED": "COMPLETED"}
_JOB = re.compile(r"(\d+)(?:_(?:\[([\d,\s%-]+)\]|(\d+)))?")
_RANGE = re.compile(r"\s*(\d{1,6})\s*(?:[-\u2013]\s*(\d{1,6}))?\s*(?:%\d+)?\s*")
_SPLIT = re.compile(r"\s*(?:,|;|&|\u00d7|\band\b|\n)\s*")
_SEEDS = re.compile(r"seeds?\b[\s:*=\[(]*((?:\d+\s*(?:,|and|/)\s*)+\d+)", re.IGNORECASE)
_TASKS = re.compile(r"^\W*tasks?\W*:\W*(.+)$", re.IGNORECASE | re.MULTILINE)
_MOST = 100_000


@frozen(kw_only=True)
class JobRow:
    """One row of a table of jobs.

    Args:
        line: Line it is on.
        job: Number of the job.
        indices: Indices of its array; empty where none is named.
        state: State as written, in the log's words; empty where none is.
        configs: Configurations it names.
        tasks: Tasks it names.
        seeds: Seeds it names.
    """

    line: int
    job: str
    indices: tuple[int, ...]
    state: str = ""
    configs: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()


@frozen
class Submissions:
    """Rows of a table of jobs, and what is to be said of its lines."""

    rows: tuple[JobRow, ...]
    remarks: tuple[Remark, ...]


@frozen(kw_only=True)
class Grid:
    """Configurations, tasks and seeds of a phase, as its tables declare them or else as its outcomes have them."""

    configs: tuple[str, ...]
    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    is_declared: bool = False


def submissions_of(table: Table) -> Submissions | None:
    """Read a table of jobs; None for one that is not of jobs."""
    words = [re.sub(r"s$", "", word_of(cell)) if word_of(cell) != "status" else "status" for cell in table.heading]
    at = {kind: words.index(word) for kind, names in _COLUMNS.items() for word in names if word in words}
    if "job" not in at and not ("state" in at and {"array", "task", "config"} & at.keys()):
        return None
    rows, remarks = [], []
    for row in table.rows:
        if len(row.cells) != len(table.heading):
            problem = f"{len(row.cells)} cells, expected {len(table.heading)}"
            remarks.append(Remark(lines=[row.line], problem=problem, found=" | ".join(row.cells), remedy="fix the row"))
            continue
        found = _submission(row, at)
        if isinstance(found, str):
            remarks.append(Remark(lines=[row.line], problem=found, found=" | ".join(row.cells), remedy="fix the cell"))
        else:
            rows.append(found)
    return Submissions(tuple(rows), tuple(remarks))


_COLUMNS = {
    "job": ("job", "job id", "jobid", "slurm job", "array job", "job name"),
    "array": ("array", "indice", "index", "array range", "array index"),
    "state": ("status", "state"),
    "config": ("config", "configuration", "method", "variation", "variant", "algorithm", "experiment", "model"),
    "task": ("task", "env", "environment"),
    "seed": ("seed",),
}


def grid_of(tables: Sequence[Table], outcomes: Sequence[Outcome], submissions: Sequence[JobRow]) -> Grid:
    """Return the grid of a phase: what its tables and the text above them list, and else what has outcomes."""
    text = "\n".join(table.caption for table in tables)
    configs = [name for one in submissions for name in one.configs] + _variations(tables)
    tasks = [name for one in submissions for name in one.tasks]
    if (match := _TASKS.search(text)) is not None:
        tasks += [name_of(plain_text(part)) for part in _SPLIT.split(match[1]) if part]
    seeds = [seed for one in submissions for seed in one.seeds]
    if match := _SEEDS.search(text):
        seeds += map(int, re.findall(r"\d+", match[1]))
    declared = bool(configs or tasks or seeds) and bool(submissions)
    return Grid(
        configs=tuple(dict.fromkeys([*configs, *(one.config for one in outcomes)])),
        tasks=tuple(dict.fromkeys([*tasks, *(one.task for one in outcomes)])),
        seeds=tuple(dict.fromkeys([*seeds, *(one.seed for one in outcomes)])),
        is_declared=declared,
    )


def audit_submitted(
    phase: str, submissions: Sequence[JobRow], grid: Grid, outcomes: Sequence[Outcome]
) -> list[Finding]:
    """Hold a log's jobs against the grid of its runs and against its outcomes."""
    findings = []
    jobs: dict[str, list[JobRow]] = {}
    for one in submissions:
        jobs.setdefault(one.job, []).append(one)
    for job, rows in jobs.items():
        if job and any(row.indices for row in rows):
            findings += [_array(phase, job, rows, grid), *_positions(phase, job, rows, grid)]
    return findings + [finding for one in submissions if (finding := _state(phase, one, outcomes))]


def _array(phase: str, job: str, rows: Sequence[JobRow], grid: Grid) -> Finding:
    indices = sorted({index for row in rows for index in row.indices})
    axes = {
        "configurations": tuple(dict.fromkeys(c for row in rows for c in row.configs)) or grid.configs or ("",),
        "tasks": tuple(dict.fromkeys(t for row in rows for t in row.tasks)) or grid.tasks,
        "seeds": tuple(dict.fromkeys(s for row in rows for s in row.seeds)) or grid.seeds,
    }
    sizes = {name: len(values) for name, values in axes.items()}
    expected = 1
    for size in sizes.values():
        expected *= size
    words = " x ".join(f"{size} {name if size != 1 else name[:-1]}" for name, size in sizes.items())
    if not expected:
        unknown = " and ".join(name for name, size in sizes.items() if not size)
        standing, verdict = Standing.MISSING, f"the log does not say its {unknown}"
    elif len(indices) == expected and indices == list(range(expected)):
        standing, verdict = Standing.AGREES, f"{words} = {expected} runs"
    else:
        standing, verdict = Standing.INCONSISTENT, f"{words} = {expected} runs, indices 0-{expected - 1}"
    return Finding(
        check="array",
        where=f"{phase}, job {job}",
        logged=f"{len(indices)} indices, {indices[0]}-{indices[-1]}",
        recomputed=verdict,
        standing=standing,
        why="an array that is not the grid leaves runs out or runs some that nobody asked for",
    )


def _positions(phase: str, job: str, rows: Sequence[JobRow], grid: Grid) -> list[Finding]:
    """Hold the index of every row that is one run against its position in the array."""
    runs = [row for row in rows if len(row.indices) == len(row.tasks) == len(row.seeds) == 1]
    if len(runs) < 2 or not grid.tasks or not grid.seeds:
        return []
    axes: dict[str, Sequence[Any]] = {"task": grid.tasks, "seed": grid.seeds}
    values = [{"task": row.tasks[0], "seed": row.seeds[0]} for row in runs]
    if all(len(row.configs) == 1 for row in runs):
        axes["config"] = grid.configs
        values = [{**one, "config": row.configs[0]} for one, row in zip(values, runs, strict=True)]

    def wrong(order: Sequence[str]) -> list[JobRow]:
        places = [_place([(axes[axis], one[axis]) for axis in order]) for one in values]
        return [row for row, place in zip(runs, places, strict=True) if row.indices[0] != place]

    orders = list(itertools.permutations(axes)) + ([("task", "seed"), ("seed", "task")] if "config" in axes else [])
    order = min(orders, key=lambda one: len(wrong(one)))
    misplaced = wrong(order)
    words = f"{len(runs) - len(misplaced)} of {len(runs)} agree with the order {' x '.join(order)}"
    if misplaced:
        words += f"; not line {', '.join(str(row.line) for row in misplaced[:6])}"
    return [
        Finding(
            check="index",
            where=f"{phase}, job {job}",
            logged="index of every run",
            recomputed=words,
            standing=Standing.INCONSISTENT if misplaced else Standing.AGREES,
            why="the index is what says which run a job is",
        )
    ]


def _place(digits: Sequence[tuple[Sequence[Any], Any]]) -> int:
    position = 0
    for values, value in digits:
        position = position * len(values) + values.index(value)
    return position


def _state(phase: str, one: JobRow, outcomes: Sequence[Outcome]) -> Finding | None:
    here = [
        outcome
        for outcome in outcomes
        if (not one.configs or outcome.config in one.configs)
        and (not one.tasks or outcome.task in one.tasks)
        and (not one.seeds or outcome.seed in one.seeds)
    ]
    count = f"{len(here)} {'outcome' if len(here) == 1 else 'outcomes'}"
    if not one.state:
        return None
    if one.state == "QUEUED" and here:
        standing, why = Standing.INCONSISTENT, "a run that waits has no outcome"
    elif one.state == "COMPLETED" and not here:
        standing, why = Standing.MISSING, "a run that is completed has an outcome, and it is not in the log"
    elif one.state == "FAILED" and here and len(one.indices) == 1:
        standing, why = Standing.INCONSISTENT, "an outcome of a run that failed is of another attempt or of none"
    else:
        standing, why = Standing.AGREES, "the state of a job says which outcomes may be there"
    return Finding(
        check="state",
        where=f"{phase}, line {one.line}, job {one.job or '(not named)'}",
        logged=one.state,
        recomputed=f"{count} of its runs in the log",
        standing=standing,
        why=why,
    )


def _submission(row: Row, at: dict[str, int]) -> JobRow | str:
    cell = {kind: plain_text(row.cells[index]) for kind, index in at.items()}
    match = _JOB.fullmatch(cell.get("job", ""))
    if "job" in at and match is None and cell["job"] not in ("", "-", "\u2014", "TBD"):
        return f"the job is {cell['job']!r}, expected a number such as 4012433 or 4012433_0"
    listed = cell.get("array") or (match and (match[2] or match[3])) or ""
    indices = _indices(listed) if listed not in ("", "-") else ()
    if indices is None:
        return f"the array is {listed!r}, expected indices such as 0-8"
    state = cell.get("state", "").upper().split("(")[0].strip(" .:-\u2013\u2014")
    state = _SYNONYMS.get(state.split(" ")[0], state.split(" ")[0]) if state else ""
    if state and state not in STATES:
        return f"the state is {cell['state']!r}, expected one of {', '.join(STATES)}"
    seeds = re.findall(r"\d+", cell.get("seed", ""))
    return JobRow(
        line=row.line,
        job=match[1] if match else "",
        indices=indices,
        state=state,
        configs=_list(cell.get("config", "")),
        tasks=_list(cell.get("task", "")),
        seeds=tuple(map(int, seeds)),
    )


def _list(cell: str) -> tuple[str, ...]:
    parts = [name_of(plain_text(part)) for part in _SPLIT.split(cell)]
    return tuple(part for part in parts if part and part not in ("-", "all") and not re.fullmatch(r"\d+\b.*", part))


def _indices(text: str) -> tuple[int, ...] | None:
    found: list[int] = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            return None
        first, last = int(match[1]), int(match[2] or match[1])
        if not first <= last < first + _MOST:
            return None
        found += range(first, last + 1)
    return tuple(found)


def _variations(tables: Sequence[Table]) -> list[str]:
    names = []
    for table in tables:
        words = [word_of(cell) for cell in table.heading]
        if words and words[0] in ("variation", "variant") and not {"seed", "job", "job id", "reward"} & set(words):
            names += [name_of(plain_text(row.cells[0])) for row in table.rows if row.cells]
    return names
