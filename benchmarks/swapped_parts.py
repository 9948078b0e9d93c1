"""Phase 3 with one part swapped for an optional plugin's, against Phase 3 as it is, at the embedded scale.

Run it as ``python benchmarks/swapped_parts.py [--runs RUNS] [--out FILE]`` once ``rephase run phase3-dopri5`` and
``rephase run phase3-meanflow`` are complete. It sets the pairs side by side as ``rephase compare`` does and prints the
tables of ``docs/how-to/swap-a-part.md``. Phase 3's side is its completed runs, or its recorded outcomes where there are
none.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rephase.errors import UsageError
from rephase.reproduction.comparing import compare, side_of
from rephase.reproduction.phases import open_phase
from rephase.reproduction.storing import Store

PROJECT = Path(__file__).parents[1]
PAIRS = [
    ("phase3:flowpolicy", "phase3-dopri5:flowpolicy"),
    ("phase3:flowpolicy", "phase3-meanflow:baseline"),
    ("phase3:baseline", "phase3-meanflow:baseline"),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=PROJECT / "runs", help="runs folder")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    pairs = [pair(first, second, arguments.runs) for first, second in PAIRS]
    if arguments.out:
        arguments.out.write_text(json.dumps({"pairs": pairs}, indent=2) + "\n")
    for one in pairs:
        print(f"{one['second']} ({one['second_source']}) beside {one['first']} ({one['first_source']})\n")
        print("\n".join(table(one)) + "\n")


def pair(first, second, runs):
    """One pair with every cell, as ``rephase compare FIRST SECOND --json`` gives it."""
    sides = []
    for name in (first, second):
        phase_name, _, config = name.partition(":")
        phase = open_phase(phase_name, "embedded", PROJECT)
        sides.append(side_of(name, phase, config, Store(runs, phase), recorded=False))
    if len(sides[1].outcomes) != 9:
        raise UsageError(f"has {sides[1].source}", where=second, remedy="run the phase to its end first")
    return {
        "first": first,
        "first_source": sides[0].source,
        "second": second,
        "second_source": sides[1].source,
        "cells": [cell.to_json() for cell in compare(*sides)],
    }


def table(one):
    """A pair as the rows of a Markdown table."""
    rows = ["| Task | First | Second | Gap | 95% interval | p (Holm) | Shown |", "|---|---|---|---|---|---|---|"]
    for cell in one["cells"]:
        first, second = (f"{cell[f'{side}_mean']:.2f} ± {cell[f'{side}_sd']:.2f}" for side in ("first", "second"))
        interval = f"{cell['test']['low']:+.1f} to {cell['test']['high']:+.1f}"
        rows.append(
            f"| {cell['task']} | {first} | {second} | {cell['gap']:+.2f} | {interval} | {cell['p_holm']:.3g} "
            f"| {cell['difference']} |"
        )
    return rows


if __name__ == "__main__":
    main()
