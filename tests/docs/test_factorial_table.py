"""The factorial's table of held-out errors is what its provenance says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/explanation/phases-4-and-5.md").read_text(encoding="utf-8")
MADE = json.loads((ROOT / "reproductions/factorial/provenance.json").read_text())["world_models"]
TITLES = {
    "mlp-standardised": "MLP, standardised",
    "flow-standardised": "flow, standardised",
    "mlp-learned": "MLP, learned encoder",
    "flow-learned": "flow, learned encoder",
}


@pytest.mark.parametrize("kind", MADE)
def test_a_row_is_what_was_measured(kind: str) -> None:
    errors = [
        ", ".join(f"{row['unexplained']:.2f}" for row in MADE[kind]["held_out"][task])
        for task in ("reacher-easy", "walker-stand", "cheetah-run")
    ]

    assert f"| {TITLES[kind]} | {MADE[kind]['parameters']:,} | {' | '.join(errors)} |" in PAGE
