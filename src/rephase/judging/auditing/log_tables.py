"""Reading the Markdown tables of an experiment log: outcome tables, summary tables, nothing else.

Logs are written by many hands and pass through many editors: the plus-minus sign may be ``±``, ``+-``, ``Â±`` or
worse, columns come in any order, names in bold or code. What a table says is kept as it is; a row that looks like an
outcome and cannot be read is a problem and is never skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import frozen

from rephase.errors import ManifestError, Problem
from rephase.manifest.outcomes import Outcome, RecordedOutcomes, SummaryRow

__all__ = ["SOURCE", "parse_log", "read_log"]

SOURCE = "log"
"""Source of everything that is read from a log."""

_UNSIGNED = r"[0-9]{1,15}(?:\.[0-9]{1,15})?"
_NUMBER = rf"[-+]?{_UNSIGNED}"
_SPREAD = re.compile(rf"({_NUMBER})\s*(?:[^0-9|.,]{{1,12}})\s*({_UNSIGNED})\s*%?")
_PLAIN = re.compile(_NUMBER)
_PHASE = re.compile(r"\bphase\s*([0-9]+[a-z]?)\b", re.IGNORECASE)
_PERCENT = re.compile(rf"({_NUMBER})\s*%")
_MARKS = re.compile(r"[*`]|~~|^_+|_+$")
_COLUMNS = {
    "config": ("config", "configuration", "method", "variation", "variant", "algorithm"),
    "task": ("task", "env", "environment"),
    "seed": ("seed",),
    "plan_reward": ("plan reward", "planning reward", "plan", "plan return"),
    "reward": ("reward", "return", "final reward", "eval reward", "score"),
    "job": ("job", "job id", "jobid", "array job", "slurm job"),
    "winner": ("winner", "better", "result", "verdict"),
}
_NO_VALUE = (
    "",
    "-",
    "--",
    "n/a",
    "na",
    "none",
    "queued",
    "running",
    "pending",
    "failed",
    "tbd",
    "?",
    "\u2013",
    "\u2014",
)


@frozen
class _Table:
    """A table of the log: heading cells and rows, each with the line it is on."""

    phase: str
    heading: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def read_log(path: Path) -> tuple[RecordedOutcomes, ...]:
    """Read a log's outcome and summary tables.

    Args:
        path: The Markdown file, in UTF-8 or what an old editor made of it.

    Returns:
        One value for every phase that has an outcome, in the order of the log.

    Raises:
        ManifestError: If the file cannot be read, holds no outcome table or one with rows that say nothing readable.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ManifestError(str(path), [Problem("", f"cannot be read ({reason})", "check the path")]) from error
    return parse_log(_decode(content), str(path))


def parse_log(text: str, name: str = "log") -> tuple[RecordedOutcomes, ...]:
    """Read the tables of a log's text; see `read_log`.

    Args:
        text: The Markdown.
        name: What messages call it.
    """
    problems: list[Problem] = []
    outcomes: dict[str, list[Outcome]] = {}
    tables = list(_tables(text))
    for table in tables:
        columns = _columns(table.heading)
        if {"config", "task", "seed", "reward"} <= set(columns):
            outcomes.setdefault(table.phase, []).extend(_outcomes(table, columns, problems))
    if not any(outcomes.values()) and not problems:
        remedy = "expected a table with the columns Config, Task, Seed, Reward and Plan Reward"
        problems.append(Problem("", "holds no outcome", remedy))
    if problems:
        raise ManifestError(name, problems)
    return tuple(
        RecordedOutcomes(
            phase=phase,
            scale="logged",
            source=SOURCE,
            outcomes=rows,
            provenance={"file": Path(name).name},
            summary=_summaries(tables, phase, rows),
        )
        for phase, rows in outcomes.items()
        if rows
    )


def _decode(content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _tables(text: str) -> Iterator[_Table]:
    phase = "log"
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        line = lines[at].strip()
        if line.startswith("#") and (match := _PHASE.search(line)):
            phase = f"phase{match[1].lower()}"
        if "|" in line and at + 1 < len(lines) and _is_rule(lines[at + 1]):
            heading = _cells(line)
            first = at = at + 2
            while at < len(lines) and "|" in lines[at]:
                at += 1
            yield _Table(phase, heading, tuple((index + 1, _cells(lines[index])) for index in range(first, at)))
        else:
            at += 1


def _is_rule(line: str) -> bool:
    stripped = line.strip()
    return "-" in stripped and "|" in stripped and not stripped.strip("|-: \t")


def _cells(line: str) -> tuple[str, ...]:
    stripped = line.strip().removeprefix("|").removesuffix("|")
    return tuple(_MARKS.sub("", cell.strip()).strip() for cell in re.split(r"(?<!\\)\|", stripped))


def _columns(heading: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for index, cell in enumerate(heading):
        word = re.sub(r"[_\s]+", " ", re.sub(r"\(.*?\)", "", cell)).strip().lower()
        for column, names in _COLUMNS.items():
            if word in names:
                found.setdefault(column, index)
    return found


def _name(cell: str) -> str:
    return re.sub(r"[\s_]+", "-", cell.strip().lower())


def _outcomes(table: _Table, columns: dict[str, int], problems: list[Problem]) -> list[Outcome]:
    outcomes = []
    for line, cells in table.rows:
        where = f"line {line}"
        if len(cells) != len(table.heading):
            problems.append(Problem(where, f"{len(cells)} cells, expected {len(table.heading)}", "mend the row"))
            continue
        reward = cells[columns["reward"]]
        if reward.lower() in _NO_VALUE:
            continue  # a run without an outcome yet
        plan = cells[columns["plan_reward"]] if "plan_reward" in columns else ""
        numbers = {"Seed": cells[columns["seed"]], "Reward": reward}
        if plan.lower() not in _NO_VALUE:
            numbers["Plan Reward"] = plan
        bad = [name for name, cell in numbers.items() if not _PLAIN.fullmatch(cell)]
        if not bad and "." in numbers["Seed"]:
            bad = ["Seed"]
        if bad:
            expected = f"{bad[0]} is {numbers[bad[0]]!r}, expected a {'whole ' if bad[0] == 'Seed' else ''}number"
            problems.append(Problem(where, expected, "mend the cell"))
            continue
        outcomes.append(
            Outcome(
                config=_name(cells[columns["config"]]),
                task=_name(cells[columns["task"]]),
                seed=int(numbers["Seed"]),
                reward=float(reward),
                plan_reward=float(plan) if "Plan Reward" in numbers else None,
                job=cells[columns["job"]] if "job" in columns else "",
            )
        )
    return outcomes


def _summaries(tables: Sequence[_Table], phase: str, outcomes: Sequence[Outcome]) -> list[SummaryRow]:
    return [row for table in tables if table.phase == phase for row in _summary(table, outcomes)]


def _summary(table: _Table, outcomes: Sequence[Outcome]) -> list[SummaryRow]:
    columns = _columns(table.heading)
    if "task" not in columns or "seed" in columns:
        return []
    known = sorted({outcome.config for outcome in outcomes})
    methods = {
        index: config
        for index, cell in enumerate(table.heading)
        if index not in columns.values() and (config := _method(cell, known))
    }
    rows = []
    for _, cells in table.rows:
        if len(cells) != len(table.heading):
            continue
        said = cells[columns["winner"]] if "winner" in columns else ""
        for index, config in methods.items():
            if row := _summary_row(config, _name(cells[columns["task"]]), cells[index], said, known):
                rows.append(row)
    return rows


def _summary_row(config: str, task: str, cell: str, said: str, known: Sequence[str]) -> SummaryRow | None:
    spread = _SPREAD.fullmatch(cell)
    plain = _PLAIN.fullmatch(cell)
    if spread is None and plain is None:
        return None
    percent = _PERCENT.search(said)
    winner = "tie" if re.search(r"\btie\b", said, re.IGNORECASE) else _method(said, known)
    remark = re.search(r"\(([^)%]*)\)", said)
    return SummaryRow(
        config=config,
        task=task,
        mean=float(spread[1] if spread else cell),
        spread=float(spread[2]) if spread else None,
        decimals=len(spread[2].partition(".")[2]) if spread else 1,
        winner=winner,
        percentage=float(percent[1]) if percent else None,
        remark=remark[1] if remark else "",
    )


def _method(cell: str, known: Sequence[str]) -> str:
    """The configuration a cell names, such as ``flow policy`` for ``pwm-48m-mt-flowpolicy``; empty where none is named.

    Letters and digits decide, so that spaces, hyphens and what stands in brackets do not; the longest name wins, and a
    shortened name must fit one configuration only.
    """
    said = _squashed(re.sub(r"\(.*?\)", "", cell))
    whole = [config for config in known if _squashed(config) in said] if said else []
    if whole:
        return max(whole, key=len)
    shortened = [config for config in known if said and said in _squashed(config)]
    return shortened[0] if len(shortened) == 1 else ""


def _squashed(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isascii() and letter.isalnum())
