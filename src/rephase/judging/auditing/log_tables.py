"""Reading the tables of an experiment log into recorded outcomes, with a finding for every line that is not read.

Logs are written by many hands and pass through many editors. What a table says is kept as it is; a row that looks like
an outcome and cannot be read is a finding with its line, and never stops the rest from being read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from attrs import define, evolve, field, frozen

from rephase.errors import ManifestError, Problem
from rephase.judging.auditing.findings import Finding, Standing
from rephase.judging.auditing.log_facts import audit_facts, is_offer
from rephase.judging.auditing.log_jobs import Grid, JobRow, audit_submitted, grid_of, submissions_of
from rephase.judging.auditing.log_names import meant, mentioned, name_of, phase_of, scale_of
from rephase.judging.auditing.log_summaries import summary_rows_of
from rephase.judging.tables import Entries, Entry, Reading, Remark, Table, entries_of
from rephase.judging.tables.decoding import decode
from rephase.judging.tables.markdown_lines import markdown_tables
from rephase.manifest.outcomes import Outcome, RecordedOutcomes, SummaryRow

__all__ = ["SOURCE", "Log", "parse_log", "read_log"]

SOURCE = "log"
"""Source of everything that is read from a log."""


@frozen(kw_only=True)
class Log:
    """What a log says, and what could not be read of it.

    Args:
        phases: Outcomes and summaries of every phase that has any, in the order of the log.
        findings: One for every line that looks like part of a table and is not read, for how doubtful ones were
            understood, and for what the log says of jobs, configurations, resources and inputs.
    """

    phases: tuple[RecordedOutcomes, ...]
    findings: tuple[Finding, ...] = ()


def read_log(path: Path) -> Log:
    """Read a log's tables.

    Args:
        path: The Markdown file, in UTF-8 or what an old editor made of it.

    Raises:
        ManifestError: If the file cannot be read or holds nothing of a phase.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ManifestError(str(path), [Problem("", f"cannot be read ({reason})", "check the path")]) from error
    text, remarks = decode(content)
    return _log(markdown_tables(text), str(path), remarks)


def parse_log(text: str, name: str = "log") -> Log:
    """Read the tables of a log's text; see `read_log`.

    Args:
        text: The Markdown.
        name: What messages call it.
    """
    return _log(markdown_tables(text), name, ())


@define(kw_only=True)
class _Phase:
    scale: str
    outcomes: list[Outcome] = field(factory=list)
    lines: list[int] = field(factory=list)
    summary: list[SummaryRow] = field(factory=list)
    submissions: list[JobRow] = field(factory=list)
    tables: list[Table] = field(factory=list)


def _log(reading: Reading, name: str, decoded: Sequence[Remark]) -> Log:
    remarks = [*decoded, *reading.remarks]
    found = [(table, entries_of(table)) for table in reading.tables]
    names = _phase_names(reading.tables)
    phases: dict[str, _Phase] = {}
    for table in reading.tables:
        phases.setdefault(names[table.line], _Phase(scale=scale_of(table))).tables.append(table)
    methods = _names((entry.method for _, one in found if one.shape == "runs" for entry in one.entries))
    methods += [one for one in _listed(found) if one not in methods]
    tasks = _names(entry.task for _, one in found if one.shape == "runs" for entry in one.entries)
    for table, entries in found:
        if entries.shape == "runs":
            remarks += entries.remarks
            _take_runs(phases[names[table.line]], table, entries, methods, tasks, remarks)
    for table, entries in found:
        if entries.shape != "runs":
            remarks += _take_rest(phases[names[table.line]], table, entries, methods, tasks)
    if not any(phase.outcomes or phase.summary or phase.submissions for phase in phases.values()):
        raise ManifestError(name, [_nothing(reading, remarks)])
    file = Path(name).name
    findings = [_finding(remark, file) for remark in sorted(remarks, key=lambda one: one.lines)]
    recorded = []
    for phase_name, phase in phases.items():
        grid = grid_of(phase.tables, phase.outcomes, phase.submissions)
        findings += audit_submitted(phase_name, phase.submissions, grid, phase.outcomes)
        if phase.outcomes or phase.summary:
            recorded.append(_recorded(phase_name, phase, grid, file))
    findings += audit_facts(reading, recorded, file)
    return Log(phases=tuple(recorded), findings=tuple(findings))


def _phase_names(tables: Sequence[Table]) -> dict[int, str]:
    """Phase of every table by its line; a phase that is named below a heading holds for all tables under it."""
    names: dict[int, str] = {}
    named: dict[tuple[str, ...], str] = {}
    for table in tables:
        name = phase_of(table)
        if table.caption and name != phase_of(evolve(table, caption="")):
            named[table.section] = name
        names[table.line] = named.get(table.section, name)
    return names


def _take_runs(
    phase: _Phase,
    table: Table,
    entries: Entries,
    methods: Sequence[str],
    tasks: Sequence[str],
    remarks: list[Remark],
) -> None:
    above = [table.caption, *reversed(table.section)]
    config = mentioned(above, methods) if "method" not in entries.columns else ""
    task = mentioned(above, tasks) if "task" not in entries.columns else ""
    lines = [entry.line for entry in entries.entries]
    lacking = [
        word
        for word, is_there in (
            ("configuration", "method" in entries.columns or config),
            ("task", "task" in entries.columns or task),
            ("seed", "seed" in entries.columns or entries.columns.seeds),
        )
        if not is_there
    ]
    if lacking and lines:
        which = " and which ".join(lacking)
        problem = f"no column says which {which} these rows are of, and the text above names none; not read"
        remedy = f"add a column, expected {', '.join(_EXPECTED)}"
        remarks.append(Remark(lines=lines, problem=problem, found=table.columns, remedy=remedy))
        return
    if (config or task) and lines:
        problem = f"no column says the {'configuration' if config else 'task'}; the text above names {config or task}"
        remarks.append(Remark(lines=lines, problem=problem, found=table.columns, is_loss=False))
    for entry in entries.entries:
        phase.outcomes.append(_outcome(entry, config, task))
        phase.lines.append(entry.line)


def _take_rest(
    phase: _Phase, table: Table, entries: Entries, methods: Sequence[str], tasks: Sequence[str]
) -> Sequence[Remark]:
    here = sorted({outcome.config for outcome in phase.outcomes}) or list(methods)
    if entries.shape == "cells":
        rows, remarks = summary_rows_of(table, entries, here, tasks)
        phase.summary += rows
        if rows or any(meant(cell, here) for cell in table.heading):
            return [*entries.remarks, *remarks]
    elif submissions := submissions_of(table):
        phase.submissions += submissions.rows
        return submissions.remarks
    return [_other(table, entries)]


_EXPECTED = ("Config", "Task", "Seed", "Reward")


def _other(table: Table, entries: Entries) -> Remark:
    lines = [table.line, *(row.line for row in table.rows)]
    if "method" in entries.columns and not entries.columns.at.keys() & {"task", "seed", "value"}:
        index = entries.columns.at["method"]
        names = ", ".join(row.cells[index].strip("*`") for row in table.rows if len(row.cells) == len(table.heading))
        problem = f"a table about configurations, without outcomes: {names}"
    elif table.heading and is_offer(table):
        problem = f"a table about resources, without outcomes: {table.columns}"
    else:
        problem = f"a table without outcomes; expected the columns {', '.join(_EXPECTED)}, found {table.columns}"
    return Remark(lines=lines, problem=problem, found=table.columns, is_loss=False)


def _outcome(entry: Entry, config: str, task: str) -> Outcome:
    return Outcome(
        config=name_of(entry.method) or config,
        task=name_of(entry.task) or task,
        seed=entry.seed or 0,
        reward=entry.figure.value,
        plan_reward=entry.second,
        job=entry.job,
        hardware=entry.hardware,
    )


def _recorded(name: str, phase: _Phase, grid: Grid, file: str) -> RecordedOutcomes:
    provenance: dict[str, object] = {"file": file}
    if phase.outcomes and grid.is_declared:
        provenance["index_map"] = {"configs": grid.configs, "tasks": grid.tasks, "seeds": grid.seeds}
    return RecordedOutcomes(
        phase=name,
        scale=phase.scale,
        source=SOURCE,
        outcomes=phase.outcomes,
        provenance=provenance,
        summary=phase.summary,
    )


def _names(cells: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(map(name_of, cells)) if name]


def _listed(found: Sequence[tuple[Table, Entries]]) -> list[str]:
    """Names of the configurations that tables without outcomes list."""
    cells: list[str] = []
    for table, entries in found:
        columns: Mapping[str, int] = entries.columns.at
        index = columns.get("method", _first_name(table))
        if entries.shape != "runs" and index is not None and not {"task", "seed", "job"} & columns.keys():
            cells += [row.cells[index].strip("*` ") for row in table.rows if len(row.cells) == len(table.heading)]
    return _names(cells)


def _first_name(table: Table) -> int | None:
    words = [cell.strip("*` ").lower() for cell in table.heading]
    return words.index("name") if "name" in words else None


def _finding(remark: Remark, file: str) -> Finding:
    where = ", ".join(part for part in (file, evolve(remark, file="").where) if part)
    return Finding(
        check="reading",
        where=where,
        logged=remark.found or "(nothing quoted)",
        recomputed=str(evolve(remark, file="", lines=())),
        standing=Standing.UNREAD if remark.is_loss else Standing.NOTE,
        why="what is not read is not audited, so nobody may think that it agrees"
        if remark.is_loss
        else "how a line was understood decides what is audited",
    )


def _nothing(reading: Reading, remarks: Sequence[Remark]) -> Problem:
    found = "; ".join(f"line {table.line}: {table.columns}" for table in reading.tables[:5])
    more = "; ".join(map(str, [remark for remark in remarks if remark.is_loss][:5]))
    what = f"found {found}" if found else "found no table"
    expected = f"expected a table with the columns {', '.join(_EXPECTED)} and Plan Reward"
    return Problem("", f"holds no outcome; {what}{f'; {more}' if more else ''}", expected)
