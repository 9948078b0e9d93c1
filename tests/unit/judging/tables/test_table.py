"""Lines of a file in words."""

from rephase.judging.tables import lines_named


def test_line_numbers_in_words():
    assert lines_named([3]) == "line 3"
    assert lines_named([3, 4, 5, 9]) == "lines 3-5 and 9"
