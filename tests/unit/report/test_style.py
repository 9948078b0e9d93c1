"""The sheet knows every word of a verdict, in light, dark and print, and asks for nothing from elsewhere."""

import re

import pytest

from rephase.judging.auditing import Standing
from rephase.judging.decisions import ClaimStatus, Decision
from rephase.report.style import STYLE

WORDS = [str(one).partition(" ")[0] for one in (*Decision, *ClaimStatus, *Standing)]


@pytest.mark.parametrize("word", sorted(set(WORDS) - {"NOTHING", "NOTE", "UNREAD"}))
def test_every_word_of_a_verdict_has_a_colour(word):
    assert re.search(rf"\.{word}\b", STYLE)


def test_every_colour_is_defined_for_screens_in_light_and_dark_and_for_paper():
    used = set(re.findall(r"var\((--[\w-]+)\)", STYLE))
    sheets = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    assert len(sheets) == 3
    for sheet in sheets:
        assert used <= set(re.findall(r"(--[\w-]+):", sheet))


def test_nothing_is_fetched():
    assert not re.search(r"url\(|@import|http", STYLE)
