"""What this plugin offers. SkyPilot itself is a program on PATH and is not imported."""

from __future__ import annotations

from rephase.plugins import ImageKind, RunnerOffer, hookimpl
from rephase_skypilot.options import SkyOptions

__all__ = ["rephase_runners"]


@hookimpl
def rephase_runners() -> list[RunnerOffer]:
    """Offer the runner ``skypilot``."""
    return [
        RunnerOffer(
            name="skypilot",
            summary="one SkyPilot managed job a run, on Kubernetes or a cloud",
            options=SkyOptions,
            loader="rephase_skypilot.jobs:SkyPilot",
            image=ImageKind.REFERENCE,
            can_wait=False,
        )
    ]
