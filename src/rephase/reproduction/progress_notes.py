"""Writes into runs' states how far they are while they train, now and then, so that others can see it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from attrs import evolve

from rephase.manifest import Run
from rephase.reproduction.storing import State, Store

if TYPE_CHECKING:
    from rephase.reproduction.training import Progress

__all__ = ["ProgressNotes"]

#: Time between two notes; each writes a small file for every run of a group.
SECONDS = 10.0


class ProgressNotes:
    """Passes progress on and notes it in the states of the runs it is about.

    Args:
        store: Where the runs are kept.
        runs: The runs, held by this process.
        report: Whom progress is passed on to.
        seconds: Time between two notes.
    """

    def __init__(
        self, store: Store, runs: Sequence[Run], report: Callable[[Progress], None], seconds: float = SECONDS
    ) -> None:
        self._store = store
        self._runs = runs
        self._report = report
        self._seconds = seconds
        self._noted = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        """Take one progress."""
        self._report(progress)
        if time.monotonic() - self._noted < self._seconds:
            return
        self._noted = time.monotonic()
        for run in self._runs:
            try:
                state = self._store.state_of(run)
                if state is not None and state.state is State.RUNNING:
                    self._store.write_state(run, evolve(state, epoch=progress.epoch, epochs=progress.epochs))
            except OSError:  # a full disk must not end a training that needs none of this
                return
