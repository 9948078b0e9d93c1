"""Passing metrics of training to trackers. What a tracker does, or fails to do, never reaches a run.

Trackers live in the process of the command and are given what training reports anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rephase.plugins.trackers import discover_trackers

if TYPE_CHECKING:
    from types import TracebackType

    from rephase.protocols import Tracker
    from rephase.reproduction.training import Progress

__all__ = ["Tracking"]


class Tracking:
    """The trackers of one command, as a context that closes them.

    Args:
        names: Names of the trackers wanted, each once.
        folder: Where they may write, each in a folder of its name.
        say: Called with one line for each tracker that is dropped.

    Raises:
        PluginError: A tracker cannot be loaded, or plugins collide over it.
        UnknownName: Nobody offers it.
    """

    def __init__(self, names: Sequence[str], folder: Path, say: Callable[[str], None]) -> None:
        self._say = say
        self._trackers: dict[str, Tracker] = {}
        found = discover_trackers() if names else None
        builders = {name: found.load(name) for name in dict.fromkeys(names)} if found else {}
        for name, build in builders.items():
            self._guard(name, partial(self._open, name, build, folder / name))

    def __enter__(self) -> Tracking:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every tracker that is left."""
        for name, tracker in list(self._trackers.items()):
            self._guard(name, tracker.close)
        self._trackers.clear()

    def show(self, progress: Progress) -> None:
        """Pass on what was measured since the last progress."""
        epoch = progress.epoch if progress.measured_at is None else progress.measured_at
        for run, metrics in progress.measured.items():
            for name, tracker in list(self._trackers.items()):
                self._guard(name, partial(tracker.track, run.label, epoch, dict(metrics)))

    def _open(self, name: str, build: Callable[[Path], Tracker], folder: Path) -> None:
        self._trackers[name] = build(folder)

    def _guard(self, name: str, do: Callable[[], None]) -> None:
        # A tracker is a stranger's code and no part of a result: whatever it raises, the run goes on without it.
        try:
            do()
        except (Exception, SystemExit) as error:
            self._trackers.pop(name, None)
            words = " ".join(str(error).split()) or "no message"
            self._say(f"tracker {name} dropped, the run goes on without it: {type(error).__name__}: {words}")
