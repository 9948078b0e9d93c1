"""What was meant and what was measured, as plain values. Imports no torch."""

from __future__ import annotations

from rephase.manifest.files import read_phase
from rephase.manifest.phase import Phase, Run
from rephase.manifest.schema import Manifest

__all__ = ["Manifest", "Phase", "Run", "read_phase"]
