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


def test_the_page_says_when_the_first_side_is_not_what_phase_3_records_today() -> None:
    outcomes = read_outcomes(ROOT / "reproductions" / "phase3" / "embedded.recorded.json").judged
    recorded: dict[tuple[str, str], list[float]] = {}
    for one in outcomes:
        recorded.setdefault((one.config, one.task), []).append(one.reward)
    is_todays = all(
        cell["first"] == pytest.approx(sorted(recorded[cell["first_config"], cell["task"]]), abs=1e-6)
        for pair in PAIRS
        for cell in pair["cells"]
        if len(cell["first"]) == len(recorded[cell["first_config"], cell["task"]])
    ) and all(len(cell["first"]) == 12 for pair in PAIRS for cell in pair["cells"])

    assert ("before Phase 3 was recorded again" in PAGE) == (not is_todays)


def test_the_integrators_page_shows_the_same_one_step_policy() -> None:
    (pair,) = [one for one in PAIRS if one["first"] == "phase3:flowpolicy" and "meanflow" in one["second"]]
    for cell in pair["cells"]:
        assert f"| {cell['task']} | {returns(cell, 'second')} | {returns(cell, 'first')} |\n" in INTEGRATORS
        assert f"{cell['test']['low']:+.0f} to {cell['test']['high']:+.0f} on {cell['task']}" in INTEGRATORS
