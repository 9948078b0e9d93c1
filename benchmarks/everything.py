"""Measure everything that benchmarks/results holds of this machine's speed, and write the speed page's tables from it.

    python -m benchmarks.everything            # ten minutes on two cores, which should have nothing else to do
    python -m benchmarks.everything --only embedded
    python -m benchmarks.everything --pages    # the tables alone, from the results as they are

Each benchmark runs in a process of its own, started with the arithmetic it is measured in. A result names its CPU and
its arithmetic, and takes its place only when it is whole.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rephase.manifest.writing import write_atomically
from rephase.runtime import arithmetic

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results"
PAGE = ROOT / "docs/explanation/speed.md"
_EXTRACTION = "benchmarks.policy_extraction"
_PROGRAMS = {"stacked": "stacked", "plain": "plain", "plain, frozen weights without gradients": "plain, frozen"}


def _extraction(size: str, config: str, runs: int, repetitions: int, kind: str) -> tuple[str, str, list[str]]:
    threads = 1 if kind == "portable" else 2
    words = ["--size", size, "--config", config, "--runs", str(runs), "--repetitions", str(repetitions)]
    name = f"policy-extraction-{size}-{config}-{runs}" + ("-portable" if kind == "portable" else "")
    return f"{name}.json", kind, [_EXTRACTION, *words, "--threads", str(threads), "--json"]


MEASURED: tuple[tuple[str, str, list[str]], ...] = (
    *(
        _extraction("embedded", config, 9, 10, kind)
        for config in ("baseline", "flowpolicy")
        for kind in ("portable", "native")
    ),
    _extraction("5M", "baseline", 1, 3, "native"),
    *(_extraction("48M", config, 1, 2, "native") for config in ("baseline", "flowpolicy")),
    *(
        (
            f"policy-extraction-memory-48M-{config}-9.json",
            "native",
            [f"{_EXTRACTION}.memory", "--config", config, "--json"],
        )
        for config in ("baseline", "flowpolicy")
    ),
    ("environments.json", "native", ["benchmarks.environments", "--json"]),
    ("growth.json", "native", ["benchmarks.growth", "--records", "1000", "2000", "--json"]),
)
"""File, arithmetic and words of each benchmark."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.everything", description=__doc__)
    parser.add_argument("--only", default="", help="only results whose name holds this")
    parser.add_argument("--pages", action="store_true", help="measure nothing, write the tables")
    options = parser.parse_args()
    if not options.pages:
        for name, kind, words in MEASURED:
            if options.only in name:
                print(f"{name}: python -m {' '.join(words)}, {kind} arithmetic", file=sys.stderr)
                write_atomically(RESULTS / name, json.dumps(measure(kind, words), indent=2) + "\n")
    write_atomically(PAGE, written(PAGE.read_text()))


def measure(kind: str, words: list[str]) -> dict[str, Any]:
    """What a benchmark finds in a process started with an arithmetic."""
    environ = {**os.environ, "MUJOCO_GL": "disabled"}
    if kind == "portable":
        environ = arithmetic.environment(environ)
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True, check=True
    )
    return {"arithmetic": kind, **json.loads(done.stdout)}


def written(page: str) -> str:
    """The page with its generated part as the results have it."""
    before, _, rest = page.partition("<!-- measured -->\n")
    _, _, after = rest.partition("<!-- /measured -->\n")
    return f"{before}<!-- measured -->\n{tables()}<!-- /measured -->\n{after}"


def tables() -> str:
    """Every measured program."""
    found = {name: json.loads((RESULTS / name).read_text()) for name, *_ in MEASURED if (RESULTS / name).exists()}
    own = {name: one for name, one in found.items() if "programs" in one}
    lines = [
        "| Size, config, runs, batch x horizon | CPU, arithmetic, threads | Program | Wall ms | of it policy | critics "
        "| GFLOP | Share of peak (policy, critics) | Peak MB | Plain / this |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(row for one in own.values() for row in _rows(one)),
    ]
    return "\n".join(lines) + "\n"


def _rows(one: Mapping[str, Any]) -> Iterator[str]:
    what = f"{one['size']}, {one['config']}, {one['runs']}, {one['batch_size']} x {one['horizon']}"
    where = f"{one['cpu']}, {one.get('arithmetic', 'native')}, {one['threads']}"
    plain = one["programs"]["plain"]["ms"]
    for name, program in one["programs"].items():
        parts = program["parts"]
        yield (
            f"| {what} | {where} | {_PROGRAMS[name]} | {program['ms']:.1f} | {parts['policy']['ms']:.1f} | "
            f"{parts['critics']['ms']:.1f} | {program['gflop']:.2f} | {program['share_of_peak']:.0%} "
            f"({parts['policy']['share_of_peak']:.0%}, {parts['critics']['share_of_peak']:.0%}) | "
            f"{program['peak_memory_bytes'] / 1e6:.0f} | {plain / program['ms']:.2f} |"
        )


if __name__ == "__main__":
    main()
