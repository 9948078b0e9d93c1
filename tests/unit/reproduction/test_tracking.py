"""Trackers are given what was measured, and a faulty one is dropped with one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from rephase.manifest import Run
from rephase.reproduction import tracking
from rephase.reproduction.tracking import Tracking
from rephase.reproduction.training import Progress

RUN = Run("baseline", "walker-stand", 42)


class Kept:
    def __init__(self, folder: Path) -> None:
        self.folder, self.rows, self.closed = folder, [], False

    def track(self, run: str, epoch: int, metrics: dict[str, float]) -> None:
        self.rows.append((run, epoch, metrics))

    def close(self) -> None:
        self.closed = True


class Faulty(Kept):
    def track(self, run: str, epoch: int, metrics: dict[str, float]) -> None:
        raise SystemExit("the\n disk is full")


class NeverOpens(Kept):
    def __init__(self, folder: Path) -> None:
        raise OSError


@pytest.fixture(autouse=True)
def _offered(monkeypatch: pytest.MonkeyPatch) -> None:
    class Offered:
        def load(self, name: str) -> type[Kept]:
            return {"kept": Kept, "faulty": Faulty, "never": NeverOpens}[name]

    monkeypatch.setattr(tracking, "discover_trackers", Offered)


def progress(measured_at: int | None = None) -> Progress:
    return Progress(
        config="baseline",
        epoch=20,
        epochs=100,
        seconds_left=None,
        returns={},
        measured={RUN: {"return": 3.0}},
        measured_at=measured_at,
    )


def test_what_was_measured_is_passed_on_at_its_epoch_and_trackers_are_closed(tmp_path: Path) -> None:
    said: list[str] = []
    with Tracking(["kept", "kept"], tmp_path, said.append) as trackers:
        (kept,) = trackers._trackers.values()
        trackers.show(progress())
        trackers.show(progress(measured_at=10))

    assert kept.rows == [(RUN.label, 20, {"return": 3.0}), (RUN.label, 10, {"return": 3.0})]
    assert kept.folder == tmp_path / "kept"
    assert kept.closed
    assert said == []


def test_one_that_fails_is_dropped_once_and_the_others_go_on(tmp_path: Path) -> None:
    said: list[str] = []
    with Tracking(["faulty", "kept", "never"], tmp_path, said.append) as trackers:
        kept = trackers._trackers["kept"]
        trackers.show(progress())
        trackers.show(progress())

    assert len(kept.rows) == 2
    assert said == [
        "tracker never dropped, the run goes on without it: OSError: no message",
        "tracker faulty dropped, the run goes on without it: SystemExit: the disk is full",
    ]


def test_nothing_is_looked_for_where_nothing_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "discover_trackers", lambda: pytest.fail("looked"))
    with Tracking([], tmp_path, lambda line: None) as trackers:
        trackers.show(progress())
