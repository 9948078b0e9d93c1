"""One TensorBoard event file for each run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

__all__ = ["TensorBoardTracker"]


class TensorBoardTracker:
    """Writes scalars as event files under ``folder/RUN``; a run that is resumed gets another file beside the first.

    Args:
        folder: Folder to write in, what ``tensorboard --logdir`` takes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, EventFileWriter] = {}

    def track(self, run: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """Write each metric as a scalar at step ``epoch``."""
        if run not in self._writers:
            self._writers[run] = EventFileWriter(str(self._folder / run))
        values = [Summary.Value(tag=name, simple_value=value) for name, value in metrics.items()]
        self._writers[run].add_event(Event(wall_time=time.time(), step=epoch, summary=Summary(value=values)))

    def close(self) -> None:
        """Flush and close every file."""
        while self._writers:
            _, writer = self._writers.popitem()
            writer.close()
