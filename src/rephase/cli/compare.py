"""``rephase compare A B``: two phases, scales or configurations side by side, cell by cell. Needs no torch."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from rephase.cli.options import add_folders, project_of, store_of
from rephase.cli.rendering import emit, table
from rephase.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rephase.reproduction.comparing import Comparison, Side

__all__ = ["configure", "run"]

_SCALES = ("embedded", "logged")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    described = "a phase, with @SCALE (default: embedded) and :CONFIG where wanted, such as phase5@logged:euler-fast"
    parser.add_argument("first", metavar="A", help=described)
    parser.add_argument("second", metavar="B", help="the same for the other side")
    parser.add_argument(
        "--recorded", action="store_true", help="recorded outcomes, also where there are completed runs"
    )
    add_folders(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare the two.

    Returns:
        0, whatever is found: a difference is no failure.
    """
    from rephase.reproduction.comparing import compare

    first, second = (_side(arguments, name) for name in (arguments.first, arguments.second))
    cells = compare(first, second)
    sides = [{"name": side.name, "source": side.source} for side in (first, second)]
    data = {"cells": [cell.to_json() for cell in cells], "first": sides[0], "second": sides[1]}
    emit(arguments, data, _text(first, second, cells))
    return 0


def _side(arguments: argparse.Namespace, name: str) -> Side:
    from rephase.reproduction.comparing import side_of
    from rephase.reproduction.phases import open_phase

    place, _, config = name.partition(":")
    phase_name, at, scale = place.partition("@")
    if not phase_name or (at and scale not in _SCALES):
        raise UsageError(
            f"expected PHASE, PHASE@SCALE or PHASE@SCALE:CONFIG with a scale of {' or '.join(_SCALES)}, found {name!r}",
            where="rephase compare",
            remedy="write for example phase3@logged:baseline",
        )
    phase = open_phase(phase_name, scale or _SCALES[0], project_of(arguments))
    return side_of(name, phase, config, store_of(arguments, phase), recorded=arguments.recorded)


def _text(first: Side, second: Side, cells: Sequence[Comparison]) -> str:
    several = len({cell.first_config for cell in cells}) > 1
    columns = ["Config", "Task", "First", "Second", "Gap", "95% interval", "Ratio", "p (Holm)", "Shown"]
    rows = [
        [
            cell.first_config,
            cell.task,
            _moments(cell.first_mean, cell.first_sd, len(cell.first)),
            _moments(cell.second_mean, cell.second_sd, len(cell.second)),
            _number(cell.gap, "+.2f"),
            "-" if cell.test is None else f"{_number(cell.test.low, '+.1f')} to {_number(cell.test.high, '+.1f')}",
            "-" if cell.ratio is None else f"{cell.ratio:.2f}",
            "-" if cell.test is None else f"{cell.p_holm:.3g}",
            str(cell.difference),
        ]
        for cell in cells
    ]
    if not several:
        columns, rows = columns[1:], [row[1:] for row in rows]
    floor = max(first.rules.floor, second.rules.floor)
    heading = [f"first   {first.name} ({first.source})", f"second  {second.name} ({second.source})"]
    note = f"Gaps are second less first; equal means that the interval lies within {floor:g} points."
    return "\n\n".join(["\n".join(heading), table(columns, rows), note])


def _moments(mean: float, sd: float, count: int) -> str:
    return f"- (n={count})" if not count else f"{mean:.2f} ± {_number(sd, '.2f')} (n={count})"


def _number(value: float, form: str) -> str:
    if math.isnan(value):
        return "-"
    return format(value, form) if math.isfinite(value) else "inf"
