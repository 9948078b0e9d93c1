"""Re-run the phases of an experiment log and say whether they come back into phase with what was recorded."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.2.0"
