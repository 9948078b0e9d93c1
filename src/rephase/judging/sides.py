"""One side of a comparison of tables: the values of every cell, one a seed, from however many files.

What was assumed is said in `notes`; what was not read, or only doubtfully, in `remarks` with its line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from attrs import evolve, field, frozen

from rephase.errors import ManifestError, Problem, UnknownName
from rephase.judging.cells import Cell
from rephase.judging.integrity import Breach
from rephase.judging.tables import Entry, Reading, Remark, Table, entries_of, key_of, lines_named, read_tables
from rephase.judging.tables.columns import Columns, nearest, word_of
from rephase.judging.tables.run_names import run_name, unfolded

__all__ = ["ONE_METHOD", "ONE_TASK", "Side", "side_of"]

ONE_METHOD = "(one method)"
"""Name of the method where a table names none."""

ONE_TASK = "(one task)"
"""Name of the task where a table names none."""


@frozen(kw_only=True)
class Side:
    """Everything one side says.

    Args:
        name: What messages call it.
        values: Value of every seed of every cell. Of a cell that is only known by its mean and spread, stand-ins with
            exactly that mean and spread.
        titles: Names as written, by the names cells have.
        moments: Cells whose values are stand-ins.
        costs: Cost of each run that has one, in the unit of `cost_unit`.
        cost_unit: Heading of the column costs are from; empty where there is none.
        breaches: Runs with two different values.
        remarks: What is to be said of lines.
        notes: What was assumed.
    """

    name: str
    values: Mapping[Cell, Mapping[int, float]]
    titles: Mapping[str, str] = field(factory=dict)
    moments: frozenset[Cell] = frozenset()
    breaches: tuple[Breach, ...] = ()
    remarks: tuple[Remark, ...] = ()
    notes: tuple[str, ...] = ()
    costs: tuple[float, ...] = ()
    cost_unit: str = ""


@frozen
class _Value:
    entry: Entry
    file: str

    @property
    def at(self) -> str:
        return f"{self.file} {lines_named([self.entry.line])}".strip()


def side_of(
    name: str,
    files: Mapping[str, bytes],
    columns: Mapping[str, str] | None = None,
    seeds: int | None = None,
    *,
    is_folder: bool = False,
) -> Side:
    """Read one side.

    Args:
        name: What messages call it.
        files: Content of each file, by its name below the side's folder.
        columns: Names of columns, by ``method``, ``task``, ``seed`` and ``value``, where the usual names do not do.
        seeds: Number of seeds of means that do not say how many they are of.
        is_folder: Whether names of files say what they are of, where no column does.

    Raises:
        ManifestError: There is no value in it; says what was found and expected.
        UnknownName: A column that was named is in no table.
    """
    columns = dict(columns or {})
    readings = {file: read_tables(content, file) for file, content in files.items()}
    tables = [
        (file, unfolded(table, columns.get("value", "")))
        for file, reading in readings.items()
        for table in reading.tables
    ]
    _check_named(name, tables, columns)
    remarks = [remark for reading in readings.values() for remark in reading.remarks]
    runs: list[_Value] = []
    cells: list[_Value] = []
    notes: list[str] = []
    for file, table in tables:
        found = entries_of(table, columns)
        remarks += [evolve(remark, file=file) for remark in found.remarks]
        named = [_named(_Value(entry, file), table, is_folder) for entry in found.entries]
        if not found.entries:
            remarks.append(_nothing_in(file, table))
        elif (words := _taken(table, found.columns)) not in notes:
            notes.append(words)
        (runs if found.shape == "runs" else cells).extend(named)
    if not runs and not cells:
        raise ManifestError(name, [_nothing(readings, remarks)])
    runs = _last_steps(runs, name, notes)
    values, breaches = _by_cell(runs, remarks)
    moments = _moments(cells, values, seeds, remarks, notes)
    if not values:
        lost = next((remark for remark in remarks if remark.is_loss), None)
        raise ManifestError(name, [Problem("", f"holds no cell that can be judged; {lost}", "")])
    titles = {key: title for one in (*runs, *cells) for key, title in _titles(one.entry).items()}
    costs = tuple(one.entry.cost for one in runs if one.entry.cost is not None)
    return Side(
        name=name,
        values=values,
        titles=titles,
        moments=frozenset(moments),
        breaches=tuple(breaches),
        remarks=tuple(remarks),
        notes=tuple(notes),
        costs=costs,
        cost_unit=_cost_unit(tables) if costs else "",
    )


def _named(value: _Value, table: Table, is_folder: bool) -> _Value:
    """An entry with what the name of its run or file says about it, where no column does."""
    entry = value.entry
    label = entry.run or (value.file if is_folder else "")
    if not label:
        return value
    parts = run_name(label, entry.seed is not None)
    beside = run_name(value.file, True) if is_folder and entry.run else parts
    return evolve(
        value,
        entry=evolve(
            entry,
            method=entry.method or parts.method or (beside.method if beside is not parts else ""),
            task=entry.task or parts.task,
            seed=entry.seed if entry.seed is not None else parts.seed,
        ),
    )


def _numbered(values: Sequence[_Value], name: str, notes: list[str]) -> list[_Value]:
    """Values with seeds: those that have none are runs of their own, numbered on from the highest seed there is."""
    highest: dict[Cell, int] = {}
    for one in values:
        highest[_cell(one.entry)] = max(highest.get(_cell(one.entry), 0), one.entry.seed or 0)
    numbered = []
    count = 0
    for one in values:
        if one.entry.seed is None:
            count += 1
            highest[_cell(one.entry)] += 1
            one = evolve(one, entry=evolve(one.entry, seed=highest[_cell(one.entry)]))
        numbered.append(one)
    if count:
        notes.append(f"{name}: {count} values without a seed are taken as one run each")
    return numbered


def _last_steps(runs: Sequence[_Value], name: str, notes: list[str]) -> list[_Value]:
    """Of every run with steps the last one; of several with one last step all, so that they are seen to differ."""
    last: dict[tuple[str, ...], list[_Value]] = {}
    plain = []
    count = 0
    for one in runs:
        entry = one.entry
        if entry.step is None:
            plain.append(one)
            continue
        count += 1
        where = one.file if entry.seed is None else ""
        run = entry.run if entry.seed is None else ""
        key = (key_of(entry.method), key_of(entry.task), str(entry.seed), where, run)
        before = last[key][0].entry.step if key in last else None
        if before is None or before < entry.step:
            last[key] = [one]
        elif before == entry.step:
            last[key].append(one)
    kept = [one for same in last.values() for one in same]
    if kept:
        steps = sorted({one.entry.step or 0 for one in kept})
        words = (
            f"{steps[0]:,.15g}" if len(steps) == 1 else f"{steps[0]:,.15g} to {steps[-1]:,.15g}, not the same for all"
        )
        notes.append(f"{name}: of {count} rows with steps the last of each of {len(last)} runs counts: step {words}")
    return _numbered([*plain, *kept], name, notes)


def _by_cell(runs: Sequence[_Value], remarks: list[Remark]) -> tuple[dict[Cell, dict[int, float]], list[Breach]]:
    first: dict[tuple[Cell, int], _Value] = {}
    values: dict[Cell, dict[int, float]] = {}
    breaches = []
    for one in runs:
        cell, seed, value = _cell(one.entry), one.entry.seed or 0, one.entry.figure.value
        before = first.setdefault((cell, seed), one)
        if before is one:
            values.setdefault(cell, {})[seed] = value
            continue
        is_same = before.entry.figure.value == value
        problem = f"a second value of one run, {value:g}; {before.at} has {before.entry.figure.value:g}"
        if is_same:
            problem = f"the row once more; {before.at} has the same value"
        remarks.append(Remark(lines=[one.entry.line], problem=problem, file=one.file, is_loss=not is_same))
        if not is_same:
            where = f"{one.entry.method or ONE_METHOD}/{one.entry.task or ONE_TASK}/seed {seed}"
            problem = f"two values, {before.entry.figure.value:g} ({before.at}) and {value:g} ({one.at})"
            breaches.append(Breach(rule="once", where=where, problem=problem, remedy="keep one", cell=cell))
    return values, breaches


def _moments(
    cells: Sequence[_Value],
    values: dict[Cell, dict[int, float]],
    seeds: int | None,
    remarks: list[Remark],
    notes: list[str],
) -> list[Cell]:
    """Give cells that are only known by statements values with the stated mean and spread."""
    found: list[Cell] = []
    single = 0
    taken = set(values)
    for one in cells:
        cell, figure = _cell(one.entry), one.entry.figure
        if cell in taken:
            continue
        if cell in found:
            problem = "a second statement about one cell"
            remarks.append(Remark(lines=[one.entry.line], problem=problem, file=one.file, remedy="keep one"))
            continue
        count = figure.count or (seeds if figure.spread is not None else 1) or 0
        if not count:
            problem = "a mean with a spread that does not say of how many seeds"
            remedy = "add a column n, write (n=5), or say --n 5"
            remarks.append(Remark(lines=[one.entry.line], problem=problem, file=one.file, remedy=remedy))
            continue
        if figure.kind == "ci" and count > 1:
            problem = "an interval is no standard deviation; only the mean is used, as of one seed"
            remarks.append(Remark(lines=[one.entry.line], problem=problem, file=one.file, remedy="give the SD"))
            count = 1
        spread = (figure.spread or 0.0) * (math.sqrt(count) if figure.kind == "se" else 1.0)
        if figure.spread is None:
            count = 1
        single += count == 1
        values[cell] = dict(enumerate(stand_ins(figure.value, spread, count), 1))
        found.append(cell)
    if found:
        notes.append(
            f"{len(found)} cells are known by mean, SD and n only: no single run can be looked at, so a collapsed run,"
            " a copied one or a skewed spread cannot be seen"
        )
    if single:
        notes.append(f"{single} means without a spread count as one seed each")
    return found


def stand_ins(mean: float, sd: float, count: int) -> tuple[float, ...]:
    """Return values with exactly this mean, sample standard deviation and number.

    Args:
        mean: Mean.
        sd: Sample standard deviation; ignored for a single value.
        count: How many.
    """
    if count < 2 or sd == 0:
        return (mean,) * count
    pairs = count // 2
    half = sd * math.sqrt((count - 1) / (2 * pairs))
    return (*([mean - half] * pairs), *([mean] * (count % 2)), *([mean + half] * pairs))


def _cell(entry: Entry) -> Cell:
    return (key_of(entry.method) if entry.method else ONE_METHOD, key_of(entry.task) if entry.task else ONE_TASK)


def _titles(entry: Entry) -> dict[str, str]:
    method, task = _cell(entry)
    return {method: entry.method or ONE_METHOD, task: entry.task or ONE_TASK}


def _cost_unit(tables: Sequence[tuple[str, Table]]) -> str:
    from rephase.judging.tables import columns_of

    for _, table in tables:
        columns = columns_of(table.heading)
        if "cost" in columns:
            return word_of(table.heading[columns.at["cost"]])
    return ""


def _taken(table: Table, columns: Columns) -> str:
    named = [
        f"{kind} from {table.heading[columns.at[kind]]!r}"
        for kind in ("method", "task", "seed", "step", "value", "spread", "error", "count")
        if kind in columns
    ]
    if "value" not in columns and not columns.seeds:
        named.append(f"a figure in {', '.join(repr(table.heading[index]) for index in columns.others[:6])}")
    if columns.seeds:
        named.append(f"{len(columns.seeds)} columns of one seed each")
    return f"columns: {', '.join(named)}"


def _check_named(name: str, tables: Sequence[tuple[str, Table]], columns: Mapping[str, str]) -> None:
    headings = list(dict.fromkeys(cell for _, table in tables for cell in table.heading))
    words = {word_of(cell) for cell in headings}
    for column in columns.values():
        if headings and column not in headings and word_of(column) not in words:
            raise UnknownName("column", column, headings, where=name)


def _nothing_in(file: str, table: Table) -> Remark:
    problem = f"a table without a value that is understood; found the columns {table.columns}"
    lines = [table.line, *(row.line for row in table.rows)]
    return Remark(lines=lines, problem=problem, file=file, is_loss=False)


def _nothing(readings: Mapping[str, Reading], remarks: Sequence[Remark]) -> Problem:
    headings = list(dict.fromkeys(cell for reading in readings.values() for t in reading.tables for cell in t.heading))
    if not headings:
        return Problem("", "holds no table", "expected CSV, TSV, JSON lines or a Markdown table")
    lost = [remark for remark in remarks if remark.is_loss]
    near = nearest("reward", headings) or nearest("return", headings) or nearest("score", headings)
    hint = f"; nearest to a reward: {', '.join(map(repr, near))}" if near else ""
    more = f"; {lost[0]}" if lost else ""
    problem = f"no value was found in the columns {', '.join(headings[:20])}{hint}{more}"
    return Problem("", problem, "say which columns to take: --value NAME, --seed NAME, --task NAME, --method NAME")
