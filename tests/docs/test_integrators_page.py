"""The figures of the integrators' page are those of the benchmark's result."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "choose-an-integrator.md"
RESULT = ROOT / "benchmarks" / "results" / "integrators.json"


def test_the_table_is_the_result() -> None:
    rows = [
        f"| `{row['integrator']}` | {row['substeps']} | {'-' if row['order'] is None else format(row['order'], '.2f')} "
        f"| {row['evaluations']} | {row['epoch_ratio']:.2f} | {row['rms']:.1e} | {row['largest']:.1e} |"
        for row in json.loads(RESULT.read_text(encoding="utf-8"))["rows"]
    ]
    table = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]

    assert table == rows
