"""Stopping between epochs: signals become requests that the training loop answers at a safe moment.

The first Ctrl-C or SIGTERM asks to save and stop, and a Ctrl-C after that stops at once; SIGUSR1 asks to save and go
on. A second SIGTERM changes nothing: a queue that cancels a job sends several, and kills what does not end.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

__all__ = ["Stopped", "Stopping"]


class Stopped(KeyboardInterrupt):
    """Work was stopped by a signal, after everything worth keeping was kept.

    Args:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


class Stopping:
    """While entered, SIGINT, SIGTERM and SIGUSR1 set requests and interrupt nothing.

    Outside the main thread, where Python lets nobody listen to signals, nothing is ever requested.
    """

    def __init__(self) -> None:
        self._stop = 0
        self._save = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    @property
    def is_requested(self) -> bool:
        """Whether somebody asked to stop."""
        return self._stop != 0

    def take_save_request(self) -> bool:
        """Whether somebody asked to save since this was last called."""
        asked, self._save = self._save, False
        return asked

    def stop_if_requested(self) -> None:
        """Raise `Stopped` if somebody asked to stop."""
        if self._stop:
            raise Stopped(self._stop)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGUSR1:
            self._save = True
        elif not self._stop:
            self._stop = number
        elif number == signal.SIGINT:
            raise Stopped(number)
