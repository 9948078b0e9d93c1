"""The log's own tables, made again from outcomes: one row a run, and a summary of each task. Pure functions."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from rephase.manifest import Phase
from rephase.manifest.outcomes import Outcome
from rephase.manifest.text import markdown_text

__all__ = ["OUTCOME_COLUMNS", "markdown", "outcome_rows", "summary_columns", "summary_rows", "titles"]

OUTCOME_COLUMNS = ("Config", "Task", "Seed", "Reward", "Plan Reward")
"""Heading of the log's table of outcomes."""


def titles(phase: Phase) -> dict[str, str]:
    """What tables call each config."""
    return {name: use.title or name for name, use in phase.manifest.configs.items()}


def outcome_rows(outcomes: Sequence[Outcome], names: Mapping[str, str]) -> list[list[str]]:
    """One row a run under `OUTCOME_COLUMNS`.

    Args:
        outcomes: The outcomes, in the order of the rows.
        names: What to call each config.
    """
    return [
        [
            names.get(one.config, one.config),
            one.task,
            str(one.seed),
            f"{one.reward:.2f}",
            "-" if one.plan_reward is None else f"{one.plan_reward:.2f}",
        ]
        for one in outcomes
    ]


def summary_columns(phase: Phase) -> list[str]:
    """Heading of the summary: the task, each config, the winner."""
    return ["Task", *titles(phase).values(), "Winner"]


def summary_rows(phase: Phase, outcomes: Sequence[Outcome]) -> list[list[str]]:
    """Mean, sample standard deviation and winner of each task under `summary_columns`.

    Args:
        phase: The phase; its verdict's floor says which leads matter to nobody.
        outcomes: The outcomes.

    Returns:
        One row a task. The winner has the highest mean; leads below the floor are a tie. Whether a lead is more than
        chance is for `rephase check` to say.
    """
    rows = []
    for task in phase.manifest.tasks:
        means: dict[str, float] = {}
        cells = []
        for config in phase.manifest.configs:
            values = [one.reward for one in outcomes if (one.config, one.task) == (config, task)]
            cells.append(_moments(values))
            if values:
                means[config] = statistics.fmean(values)
        rows.append([task, *cells, _winner(means, phase)])
    return rows


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, one line a row, without a final line break; what a name says is no markup and ends no cell."""
    shown = [[markdown_text(cell) for cell in line] for line in (columns, *rows)]
    lines = [shown[0], ["---"] * len(columns), *shown[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _moments(values: Sequence[float]) -> str:
    if not values:
        return "-"
    spread = f"{statistics.stdev(values):.2f}" if len(values) > 1 else "-"
    return f"{statistics.fmean(values):.2f} ± {spread} (n={len(values)})"


def _winner(means: Mapping[str, float], phase: Phase) -> str:
    if len(means) < 2:
        return "-"
    (best, top), (_, second) = sorted(means.items(), key=lambda item: -item[1])[:2]
    lead = top - second
    if lead < phase.manifest.verdict.floor:
        return "tie"
    percent = f" (+{100 * lead / second:.0f}%)" if second > 0 else ""
    return f"{titles(phase)[best]}{percent}"
