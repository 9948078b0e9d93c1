"""The figures on the page on speed are those of the results they come from."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
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


def test_the_table_of_times_is_the_one_the_results_give(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import everything

    assert everything.written(PAGE) == PAGE
    assert "| embedded, baseline, 9, 64 x 5 |" in everything.tables()
    names = [name for name, *_ in everything.MEASURED]
    assert len(set(names)) == len(names)


def test_a_measurement_says_what_arithmetic_it_was_made_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import everything

    script = "import json, os; print(json.dumps({'told': os.environ.get('MKL_CBWR', '')}))"
    monkeypatch.setenv("MKL_CBWR", "AVX2")
    monkeypatch.setattr(everything.subprocess, "run", _running(script))
    assert everything.measure("portable", []) == {"arithmetic": "portable", "told": "COMPATIBLE"}
    assert everything.measure("native", []) == {"arithmetic": "native", "told": "AVX2"}


def _running(script: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    run = subprocess.run
    return lambda words, **how: run([words[0], "-c", script], **how)
