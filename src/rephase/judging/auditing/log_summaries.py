"""A log's summary tables as statements about cells, each kept as it was written."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rephase.judging.auditing.log_names import meant, name_of
from rephase.judging.tables import Entries, Entry, Remark, Table, key_of
from rephase.manifest.outcomes import SummaryRow

__all__ = ["summary_rows_of"]

_PERCENT = re.compile(r"([-+]?\d+(?:\.\d+)?)\s*%")


def summary_rows_of(
    table: Table, entries: Entries, configs: Sequence[str], tasks: Sequence[str]
) -> tuple[list[SummaryRow], list[Remark]]:
    """Return what a summary states.

    Args:
        table: The table.
        entries: What was read of it.
        configs: Configurations it may be about.
        tasks: Tasks that have outcomes somewhere in the log.

    Returns:
        Its statements, and a remark on every column whose configuration is not known. Both are empty for a table that
        is no summary, such as one of settings.
    """
    if "task" not in entries.columns and not any(_task(entry, tasks) for entry in entries.entries):
        return [], []
    rows: list[SummaryRow] = []
    unknown: dict[str, list[int]] = {}
    for entry in entries.entries:
        config = meant(entry.method, configs)
        task = name_of(entry.task) if "task" in entries.columns else _task(entry, tasks)
        if config and task:
            rows.append(_row(entry, config, task, configs))
        else:
            unknown.setdefault(entry.method if not config else entry.task, []).append(entry.line)
    remarks = [
        Remark(
            lines=lines,
            problem=f"{name!r} is no configuration or task with outcomes; not read",
            found=table.columns,
            remedy=f"known: {', '.join([*configs, *tasks]) or 'none'}",
            is_loss=bool(rows),
        )
        for name, lines in unknown.items()
    ]
    return rows, remarks


def _task(entry: Entry, tasks: Sequence[str]) -> str:
    return next((task for task in tasks if key_of(task) == key_of(entry.task)), "")


def _row(entry: Entry, config: str, task: str, configs: Sequence[str]) -> SummaryRow:
    said = entry.said
    percent = _PERCENT.search(said)
    remark = re.search(r"\(([^)%]*)\)", said)
    return SummaryRow(
        config=config,
        task=task,
        mean=entry.figure.value,
        spread=entry.figure.spread,
        decimals=entry.figure.decimals if entry.figure.spread is not None else 1,
        winner="tie" if re.search(r"\btie\b", said, re.IGNORECASE) else meant(said, configs),
        percentage=float(percent[1]) if percent else None,
        remark=remark[1] if remark else "",
    )
