"""What this plugin offers."""

from __future__ import annotations

from rephase.plugins import TrackerOffer, hookimpl

__all__ = ["rephase_trackers"]


@hookimpl
def rephase_trackers() -> list[TrackerOffer]:
    """Offer the tracker ``tensorboard``."""
    return [
        TrackerOffer(
            name="tensorboard",
            summary="event files for TensorBoard, a folder a run",
            loader="rephase_tensorboard.tracker:TensorBoardTracker",
        )
    ]
