"""One offline Weights & Biases run for each run. Nothing is sent anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb

__all__ = ["WandbTracker"]


class WandbTracker:
    """Keeps metrics as offline runs under ``folder/wandb``; ``wandb sync`` sends them later, if anybody wants that.

    Args:
        folder: Folder to write in.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs: dict[str, Any] = {}

    def track(self, run: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """Log metrics together with their epoch, which is what they are drawn against."""
        if run not in self._runs:
            self._runs[run] = self._begin(run)
        self._runs[run].log({**metrics, "epoch": epoch})

    def close(self) -> None:
        """Finish every run."""
        while self._runs:
            _, run = self._runs.popitem()
            run.finish()

    def _begin(self, run: str) -> Any:
        self._folder.mkdir(parents=True, exist_ok=True)
        settings = wandb.Settings(
            silent=True, console="off", disable_git=True, save_code=False, x_disable_stats=True, x_disable_meta=True
        )
        begun = wandb.init(
            project="rephase",
            name=run,
            dir=str(self._folder),
            mode="offline",
            reinit="create_new",
            settings=settings,
        )
        begun.define_metric("*", step_metric="epoch")
        return begun
