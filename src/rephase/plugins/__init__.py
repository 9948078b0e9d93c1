"""How a part arrives: hooks, offers and the registry of what is installed. Imports no torch."""

from __future__ import annotations

from rephase.plugins.hookspecs import hookimpl
from rephase.plugins.offers import (
    ImageKind,
    Kind,
    Offer,
    PhasesOffer,
    RunnerOffer,
    SectionOffer,
    TaskOffer,
    TrackerOffer,
)

__all__ = [
    "ImageKind",
    "Kind",
    "Offer",
    "PhasesOffer",
    "RunnerOffer",
    "SectionOffer",
    "TaskOffer",
    "TrackerOffer",
    "hookimpl",
]
