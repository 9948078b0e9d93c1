"""A cell is a figure, or there is a reason why it is none."""

import pytest

from rephase.judging.tables import Figure, figure


@pytest.mark.parametrize(
    ("cell", "value", "spread", "count"),
    [
        ("957.72 ± 27.5", 957.72, 27.5, None),
        ("902.00 ± 12.00 (n=3)", 902.0, 12.0, 3),
        ("902.00 ± - (n=1)", 902.0, None, 1),
        ("**957.72 \\pm 27.5** (3 seeds)", 957.72, 27.5, 3),
        ("957.72 (27.5)", 957.72, 27.5, None),
        ("\u2212957.72", -957.72, None, None),
        ("1,234.5", 1234.5, None, None),
        ("957,72", 957.72, None, None),
        ("9.5e2 +/- 1e1", 950.0, 10.0, None),
        ("5.5*", 5.5, None, None),
        ("890 - 914", None, None, None),
        ("902 / 890", None, None, None),
        ("880 \u2192 902", None, None, None),
        ("880 -> 902", None, None, None),
        ("880 \u2013 902", None, None, None),
        ("902 of 1000", None, None, None),
        ("902 vs. 890", None, None, None),
        ("(12.0)", None, None, None),
        ("[12.0]", None, None, None),
        ("~0.5", None, None, None),
        ("> 900", None, None, None),
        ("~~890.0~~", None, None, None),
        ("nan ± nan", None, None, None),
        ("inf", None, None, None),
        ("1e999", None, None, None),
        ("1,234", None, None, None),
        ("CUDA OOM", None, None, None),
    ],
)
def test_a_cell_is_a_figure_or_has_a_reason(cell, value, spread, count):
    found = figure(cell)
    if value is None:
        assert isinstance(found, str)
        assert found
    else:
        assert isinstance(found, Figure)
        assert (found.value, found.spread, found.count) == (value, spread, count)
