"""``rephase compare A B``: two phases, scales or configurations side by side, cell by cell. Needs no torch."""

from __future__ import annotations

import argparse
import math
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from rephase.cli.options import add_folders, project_of, store_of
from rephase.cli.rendering import emit, table
from rephase.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rephase.judging import Origin
    from rephase.reproduction.comparing import ComparedSide, Comparison, Setting

__all__ = ["configure", "run"]

_SCALES = ("embedded", "logged")
_WIDEST = 60
_SHORT = {
    "first higher": "first",
    "second higher": "second",
    "equal within the floor": "equal",
    "no difference shown": "open",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    described = "a phase, with @SCALE (default: embedded) and :CONFIG where wanted, such as phase5@logged:euler-fast"
    parser.add_argument("first", metavar="A", help=described)
    parser.add_argument("second", metavar="B", help="the same for the other side")
    parser.add_argument(
        "--recorded", action="store_true", help="recorded outcomes, also where there are completed runs"
    )
    parser.add_argument(
        "--against-runs",
        type=Path,
        metavar="DIR",
        help="where B's runs are, as in 'rephase compare phase3 phase3 --against-runs upgraded/runs' after an upgrade",
    )
    add_folders(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare the two.

    Returns:
        0, whatever is found: a difference is no failure.
    """
    from attrs import asdict

    from rephase.reproduction.comparing import compare, differing_settings, equal_runs
    from rephase.reproduction.software import differing_origins

    first = _side(arguments, arguments.first)
    second = _side(arguments, arguments.second, arguments.against_runs)
    cells = compare(first, second)
    settings = differing_settings(first, second)
    origins = differing_origins(first.provenance[0], second.provenance) if first.provenance else ()
    equal = equal_runs(first, second)
    sides = [{"name": side.name, "source": side.source} for side in (first, second)]
    data = {
        "settings": [asdict(one) for one in settings],
        "origins": [{"name": one.name, "first": one.recorded, "second": one.reproduced} for one in origins],
        "equal_runs": None if equal is None else {"equal": equal[0], "compared": equal[1]},
        "cells": [cell.to_json() for cell in cells],
        "first": sides[0],
        "second": sides[1],
    }
    heading = f"first   {first.name} ({first.source})\nsecond  {second.name} ({second.source})"
    emit(arguments, data, "\n\n".join([heading, _differences(settings, origins, equal), _text(first, second, cells)]))
    return 0


def _side(arguments: argparse.Namespace, name: str, elsewhere: Path | None = None) -> ComparedSide:
    from rephase.reproduction.comparing import side_of
    from rephase.reproduction.phases import open_phase
    from rephase.reproduction.storing import Store

    place, _, config = name.partition(":")
    phase_name, at, scale = place.partition("@")
    if not phase_name or (at and scale not in _SCALES):
        raise UsageError(
            f"expected PHASE, PHASE@SCALE or PHASE@SCALE:CONFIG with a scale of {' or '.join(_SCALES)}, found {name!r}",
            where="rephase compare",
            remedy="write for example phase3@logged:baseline",
        )
    phase = open_phase(phase_name, scale or _SCALES[0], project_of(arguments))
    store = Store(elsewhere, phase) if elsewhere else store_of(arguments, phase)
    if elsewhere and not store.records():
        raise UsageError(
            f"there is no completed run of {phase.name} in it",
            where=f"--against-runs {elsewhere}",
            remedy=f"'rephase run {phase_name} --scale {phase.manifest.scale} --runs {elsewhere}' makes them",
        )
    return side_of(name, phase, config, store, recorded=arguments.recorded and not elsewhere)


def _differences(settings: Sequence[Setting], origins: Sequence[Origin], equal: tuple[int, int] | None) -> str:
    """Everything in which the sides differ that is not a return."""
    lines = [f"  {one.name}: {_brief(one.first)} against {_brief(one.second)}" for one in settings]
    parts = ["settings that differ:", *lines] if lines else ["no setting differs"]
    lines = [f"  {one.name}: {one.recorded} against {one.reproduced}" for one in origins]
    parts += ["machine and software that differ:", *lines] if lines else []
    parts += [] if equal is None else [f"{equal[0]} of {equal[1]} runs of the same seeds are equal to the bit"]
    return "\n".join(parts)


def _brief(value: str) -> str:
    """A setting as people read it: digests by their beginning, long ones cut (--json has them whole)."""
    value = re.sub(r"sha256:([0-9a-f]{12})[0-9a-f]{52}", r"\1...", value)
    return value if len(value) <= _WIDEST else f"{value[:_WIDEST]}..."


def _text(first: ComparedSide, second: ComparedSide, cells: Sequence[Comparison]) -> str:
    rows = [
        [
            f"  {cell.task}",
            _moments(cell.first_mean, cell.first_sd),
            _moments(cell.second_mean, cell.second_sd),
            _number(cell.gap, "+.1f"),
            "-" if cell.test is None else f"{_number(cell.test.low, '+.0f')} to {_number(cell.test.high, '+.0f')}",
            "-" if cell.test is None or not cell.test.is_test else _p(cell.p_holm),
            _SHORT[str(cell.difference)],
        ]
        for cell in cells
    ]
    floor = max(first.rules.floor, second.rules.floor)
    note = (
        "Means ± SD between seeds, gaps of second less first with 95% intervals, p after\n"
        f"Holm over all cells. equal: within {floor:g} points; open: no difference is shown."
    )
    lines = table(["", "first", "second", "gap", "95% interval", "p", "higher"], rows).splitlines()
    shown = lines[:1]
    config = ""
    for cell, line in zip(cells, lines[1:], strict=True):
        if cell.first_config != config:
            config = cell.first_config
            shown.append(f"{config} (n = {len(cell.first)}, {len(cell.second)})")
        shown.append(line)
    return "\n\n".join(["\n".join(shown), note, _answer(cells)])


def _p(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.2g}"


def _answer(cells: Sequence[Comparison]) -> str:
    """One sentence: which cells differ, or how large a difference is left open."""
    shown = [cell for cell in cells if cell.difference in ("first higher", "second higher")]
    if shown:
        named = ", ".join(f"{cell.first_config}/{cell.task} ({cell.gap:+.1f} points)" for cell in shown)
        return textwrap.fill(f"outcomes differ: {named}", 80, subsequent_indent="  ", break_on_hyphens=False)
    bounds = [
        (max(abs(cell.test.low), abs(cell.test.high)), f"{cell.first_config}/{cell.task}")
        for cell in cells
        if cell.test is not None
    ]
    if not bounds:
        return "no cell has runs enough for a test: nothing is said"
    points, where = max(bounds)
    sentence = f"no difference of outcomes is shown; gaps of up to {math.ceil(points)} points on {where} are left open"
    return textwrap.fill(sentence, 80, subsequent_indent="  ", break_on_hyphens=False)


def _moments(mean: float, sd: float) -> str:
    return "-" if math.isnan(mean) else f"{mean:.1f} ± {_number(sd, '.1f')}"


def _number(value: float, form: str) -> str:
    if math.isnan(value):
        return "-"
    return format(value, form) if math.isfinite(value) else "inf"
