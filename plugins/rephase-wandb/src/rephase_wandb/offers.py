"""What this plugin offers."""

from __future__ import annotations

from rephase.plugins import TrackerOffer, hookimpl

__all__ = ["rephase_trackers"]


@hookimpl
def rephase_trackers() -> list[TrackerOffer]:
    """Offer the tracker ``wandb``."""
    return [
        TrackerOffer(
            name="wandb",
            summary="Weights & Biases runs, kept on this machine until they are synchronised by hand",
            loader="rephase_wandb.tracker:WandbTracker",
        )
    ]
