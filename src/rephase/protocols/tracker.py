"""What a tracker is: it is given metrics of training, and nothing depends on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

__all__ = ["Tracker"]


@runtime_checkable
class Tracker(Protocol):
    """Takes metrics of many runs and passes them on, to a file or a service.

    A tracker is asked for by ``rephase run --track NAME`` and by nothing else. It is called in the process of the
    command, which may be the one that trains, so it should return soon. One that raises is dropped and the run goes on.
    """

    def track(self, run: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """Take what was measured of one run at one epoch.

        Args:
            run: Label of the run, such as ``flowpolicy/walker-stand/seed-42``.
            epoch: Updates done.
            metrics: Values by name, never empty: metrics of training, or ``return`` after an evaluation.
        """
        ...

    def close(self) -> None:
        """Write what is not written yet; called once, also when the command is stopped."""
        ...
