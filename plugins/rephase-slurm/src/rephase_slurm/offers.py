"""What this plugin offers. Imports nothing that a login node may lack."""

from __future__ import annotations

from rephase.plugins import RunnerOffer, hookimpl
from rephase_slurm.options import SlurmOptions

__all__ = ["rephase_runners"]


@hookimpl
def rephase_runners() -> list[RunnerOffer]:
    """Offer the runner ``slurm``."""
    return [
        RunnerOffer(
            name="slurm",
            summary="job arrays of a SLURM queue, each task in an Apptainer image",
            options=SlurmOptions,
            loader="rephase_slurm.queue:Slurm",
        )
    ]
