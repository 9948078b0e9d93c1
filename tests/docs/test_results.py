"""The page of results is what the recorded outcomes say, and its pictures show every run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from rephase.manifest import Phase
from rephase.manifest.outcomes import Evaluated, RecordedOutcomes
from rephase.report import results
from rephase.report.pictures import captions, curves_picture, pictures, promises_picture
from rephase.report.results import PAGE, page, recorded_phases

ROOT = Path(__file__).parents[2]
KNOWN = recorded_phases(ROOT)


def test_the_page_is_what_is_recorded() -> None:
    assert (ROOT / PAGE).read_text(encoding="utf-8") == page(ROOT), "write it again with: nox -s pages"


@pytest.mark.parametrize("name", KNOWN)
def test_every_recorded_phase_has_its_pictures_with_a_point_a_run(name: str) -> None:
    phase, recorded = KNOWN[name]
    for one, made in pictures(phase, recorded).items():
        lies = (ROOT / PAGE).with_suffix("") / f"{one}.svg"

        # One marker is defined for each cell, and used once a run.
        assert made.count("<use ") >= len(recorded.judged)
        assert lies.read_text(encoding="utf-8").count("<use ") == made.count("<use "), "write it again: nox -s pages"
        assert f"![{captions(recorded)[one]}](results/{one}.svg)" in page(ROOT)


def _promising() -> tuple[Phase, RecordedOutcomes]:
    """Phase 4 as it is recorded, as if its runs had left curves, promises and costs."""
    phase, recorded = KNOWN["phase4"]
    curve = (Evaluated(step=250, reward=50.0), Evaluated(step=500, reward=100.0))
    told: dict[str, Any] = {"reward": 100.0, "curve": curve, "update_seconds": 0.5}
    outcomes = [evolve(one, predicted_return=80.0 + one.seed % 2 * 40.0, **told) for one in recorded.outcomes]
    return phase, evolve(recorded, outcomes=outcomes)


def test_curves_promises_and_costs_are_shown_where_they_are_recorded() -> None:
    phase, recorded = _promising()
    section = results._section("phase4", phase, recorded)

    assert list(captions(recorded)) == ["phase4", "phase4-curves", "phase4-promised"]
    assert all(f"results/{name}.svg" in section for name in captions(recorded))
    # Of the 100 they get, seeds 42 and 456 are promised 80 and the other four 120.
    assert "| full flow | walker-stand | 100.0 | 106.7 | 0.80 to 1.20 | 0.500 |" in section
    bare = evolve(
        recorded,
        outcomes=[evolve(one, curve=(), predicted_return=None, update_seconds=None) for one in recorded.outcomes],
    )
    assert list(captions(bare)) == ["phase4"]
    assert "promised" not in results._section("phase4", phase, bare)


def test_a_curve_has_a_line_a_run_and_a_promise_a_point_a_run() -> None:
    phase, recorded = _promising()
    runs = len(recorded.judged)

    # The legend shows its one config once more.
    assert curves_picture(phase, recorded).count("<use ") - curves_picture(phase, _less(recorded)).count("<use ") == 2
    markers = [promises_picture(phase, one).count("<use ") for one in (recorded, _less(recorded))]
    assert markers[0] - markers[1] == 1
    assert markers[1] >= runs - 1


def _less(recorded: RecordedOutcomes) -> RecordedOutcomes:
    """The outcomes without the last one."""
    return evolve(recorded, outcomes=recorded.outcomes[:-1])


def test_the_picture_of_the_readme_is_one_of_the_page_s() -> None:
    shown = re.findall(r"!\[[^]]*\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))

    assert shown == ["docs/explanation/results/phase3.svg"]
    assert (ROOT / shown[0]).is_file()
    assert "(results/phase3.svg)" in page(ROOT)
