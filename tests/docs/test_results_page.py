"""The page of results is what the recorded outcomes say, and its pictures show every run."""

from __future__ import annotations

from pathlib import Path

import pytest

from rephase.report.results import PAGE, page, picture, recorded_phases

ROOT = Path(__file__).parents[2]
KNOWN = recorded_phases(ROOT)


def test_the_page_is_what_is_recorded() -> None:
    assert (ROOT / PAGE).read_text(encoding="utf-8") == page(ROOT), "write it again with: nox -s pages"


@pytest.mark.parametrize("name", KNOWN)
def test_every_recorded_phase_has_its_picture_with_a_point_a_run(name: str) -> None:
    phase, recorded = KNOWN[name]
    lies = (ROOT / PAGE).with_suffix("") / f"{name}.svg"
    made = picture(phase, recorded)

    # One marker is defined for each cell, and used once a run.
    assert made.count("<use ") >= len(recorded.judged)
    assert lies.read_text(encoding="utf-8").count("<use ") == made.count("<use "), "write it again with: nox -s pages"
    assert f"results/{name}.svg" in page(ROOT)
