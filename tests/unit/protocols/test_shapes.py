"""Sizes of a suite are compared by value and counted by task."""

from __future__ import annotations

from rephase.protocols import Spaces


def test_a_suite_has_as_many_tasks_as_action_sizes() -> None:
    assert Spaces(24, 6, (6, 1, 2)).tasks == 3
    assert Spaces(24, 6, ()).tasks == 0


def test_equal_sizes_are_one_suite() -> None:
    assert Spaces(24, 6, (6, 1)) == Spaces(24, 6, (6, 1))
    assert len({Spaces(24, 6, (6, 1)), Spaces(24, 6, (6, 1)), Spaces(24, 6, (6, 2))}) == 2
