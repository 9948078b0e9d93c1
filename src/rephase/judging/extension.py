"""The one remedy of an inconclusive phase, declared before anything ran: fresh seeds up to six a cell, then final.

Which seeds is fixed by the manifest, or here, and chosen by nobody afterwards, so that nobody can go on until a result
pleases.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import frozen

from rephase.judging.integrity import Run

__all__ = ["EXTENDED_SEEDS", "FRESH_SEEDS", "Extension", "extension_of"]

EXTENDED_SEEDS = 6
"""Seeds a cell that an extension completes to where the manifest does not say which."""

FRESH_SEEDS = (789, 1011, 1213, 1415, 1617, 1819)
"""Seeds an extension takes where the manifest names none, in this order, leaving out those already declared."""


@frozen(kw_only=True)
class Extension:
    """Runs that complete a phase to six seeds a cell.

    Args:
        seeds: The fresh seeds, ascending.
        runs: The runs to add, by configuration, task and seed.
    """

    seeds: tuple[int, ...]
    runs: tuple[Run, ...]


def extension_of(declared: Iterable[Run], fresh_seeds: Sequence[int] | None = None) -> Extension:
    """Return the runs that complete the declared ones.

    Args:
        declared: Runs the manifest declares.
        fresh_seeds: Seeds the manifest declares for the extension, all of which every cell gets; None takes as many of
            `FRESH_SEEDS` as bring each cell to six.

    Returns:
        The fresh seeds and runs; empty where there is nothing to add.
    """
    cells: dict[tuple[str, str], set[int]] = {}
    for config, task, seed in declared:
        cells.setdefault((config, task), set()).add(seed)
    used = set().union(*cells.values()) if cells else set()
    fresh = [seed for seed in (FRESH_SEEDS if fresh_seeds is None else fresh_seeds) if seed not in used]
    runs = []
    for cell, seeds in sorted(cells.items()):
        count = len(fresh) if fresh_seeds is not None else max(0, EXTENDED_SEEDS - len(seeds))
        runs += [(*cell, seed) for seed in fresh[:count]]
    return Extension(seeds=tuple(sorted({run[2] for run in runs})), runs=tuple(runs))
