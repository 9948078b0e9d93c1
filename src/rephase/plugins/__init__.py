"""How a part arrives: hooks, offers and the registry of what is installed. Imports no torch."""

from __future__ import annotations

from rephase.plugins.hookspecs import hookimpl
from rephase.plugins.offers import Kind, Offer, TrackerOffer

__all__ = ["Kind", "Offer", "TrackerOffer", "hookimpl"]
