"""The figures of the page on swapping parts are those of the benchmark's result, and that is about today's Phase 3."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rephase.manifest.outcomes import read_outcomes

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "swap-a-part.md").read_text(encoding="utf-8")
INTEGRATORS = (ROOT / "docs" / "how-to" / "choose-an-integrator.md").read_text(encoding="utf-8")
PAIRS = json.loads((ROOT / "benchmarks" / "results" / "swapped-parts.json").read_text(encoding="utf-8"))["pairs"]


def returns(cell: dict, side: str) -> str:
    return f"{cell[f'{side}_mean']:.2f} ± {cell[f'{side}_sd']:.2f}"


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair['first']}-{pair['second']}")
def test_a_table_is_the_result(pair: dict) -> None:
    section = PAGE.split(f"`{pair['second']}` beside `{pair['first']}`:\n\n")[1].split("\n\n")[0]
    rows = [
        f"| {cell['task']} | {returns(cell, 'first')} | {returns(cell, 'second')} | {cell['gap']:+.2f} "
        f"| {cell['test']['low']:+.1f} to {cell['test']['high']:+.1f} | {cell['p_holm']:.3g} | {cell['difference']} |"
        for cell in pair["cells"]
    ]

    assert section.splitlines()[2:] == rows


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair['first']}-{pair['second']}")
def test_the_first_side_is_what_phase_3_recorded(pair: dict) -> None:
    outcomes = read_outcomes(ROOT / "reproductions" / "phase3" / "embedded.recorded.json").judged
    for cell in pair["cells"]:
        recorded = [one.reward for one in outcomes if (one.config, one.task) == (cell["first_config"], cell["task"])]
        assert cell["first"] == pytest.approx(sorted(recorded), abs=1e-6)


def test_the_integrators_page_shows_the_same_one_step_policy() -> None:
    (pair,) = [one for one in PAIRS if one["first"] == "phase3:flowpolicy" and "meanflow" in one["second"]]
    for cell in pair["cells"]:
        assert f"| {cell['task']} | {returns(cell, 'second')} | {returns(cell, 'first')} |\n" in INTEGRATORS
        assert f"{cell['test']['low']:+.0f} to {cell['test']['high']:+.0f} on {cell['task']}" in INTEGRATORS
