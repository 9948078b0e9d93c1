"""Text of strangers is shown and obeyed by nothing."""

from __future__ import annotations

import pytest

from rephase.manifest.text import markdown_text, visible


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain text, näive", "plain text, näive"),
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("a\u202eb", r"a\u202eb"),
        ("a\U000e0041b", r"a\U000e0041b"),
        ("line\n\tnext\r", "line\n\tnext\\x0d"),
    ],
)
def test_what_cannot_be_seen_is_an_escape(text: str, seen: str) -> None:
    assert visible(text) == seen


def test_nothing_is_kept_where_nothing_may_be() -> None:
    assert visible("a\nb", keep="") == r"a\x0ab"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a | b", r"a \| b"),
        ("[x](y) ![z](w)", r"\[x\](y) \!\[z\](w)"),
        ("<b>&amp; c", "&lt;b&gt;&amp;amp; c"),
        ("snake_case _em_ 3 * 4", r"snake_case \_em\_ 3 \* 4"),
        ("two\nlines  and  blanks", "two lines and blanks"),
        ("AT&T & co", "AT&amp;T & co"),
    ],
)
def test_markup_is_shown_as_it_is_on_one_line(text: str, written: str) -> None:
    assert markdown_text(text) == written
