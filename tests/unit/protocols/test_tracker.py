"""A tracker is whatever takes metrics and can be closed."""

from __future__ import annotations

from rephase.protocols import Tracker


class Whole:
    def track(self, run: str, epoch: int, metrics: dict[str, float]) -> None: ...
    def close(self) -> None: ...


class NeverCloses:
    track = Whole.track


def test_both_methods_are_needed() -> None:
    assert isinstance(Whole(), Tracker)
    assert not isinstance(NeverCloses(), Tracker)
