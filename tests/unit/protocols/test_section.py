"""A section of a report is text in a table of one width, and anything else is refused where it is made."""

from __future__ import annotations

from typing import Any

import pytest

from rephase.protocols import ReportSection


def test_rows_have_a_cell_for_every_column() -> None:
    ReportSection(title="Times", columns=("run", "hours"), rows=(("a", "1"), ("b", "2")))
    with pytest.raises(ValueError, match="row 1 of 'Times' has 1 cells for 2 columns"):
        ReportSection(title="Times", columns=("run", "hours"), rows=(("a", "1"), ("b",)))


@pytest.mark.parametrize(
    "wrong",
    [{"title": ""}, {"title": 3}, {"paragraphs": (1,)}, {"paragraphs": "text"}, {"columns": ("a",), "rows": ((1,),)}],
)
def test_everything_is_text(wrong: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        ReportSection(**{"title": "Times", **wrong})
