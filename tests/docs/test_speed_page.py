"""The figures of memory on the page on speed are those of the results they come from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/explanation/speed.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("config", "name"), [("baseline", "baseline"), ("flowpolicy", "flow policy")])
def test_the_table_of_memory_says_what_was_counted(config: str, name: str) -> None:
    found = json.loads((ROOT / f"benchmarks/results/policy-extraction-memory-48M-{config}-9.json").read_text())
    assert (found["config"], found["runs"], found["batch_size"], found["horizon"]) == (config, 9, 512, 16)
    most, between = (found[key] / 1e9 for key in ("peak_bytes", "between_updates_bytes"))
    assert f"| {name} | {most:.1f} GB | {between:.1f} GB |" in PAGE
