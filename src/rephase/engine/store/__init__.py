"""The official dataset on this machine: chunk files go in once, slices and start observations come out.

Needs no tensordict, and memory that does not grow with the dataset.
"""

from __future__ import annotations

from rephase.engine.store.importing import import_chunks
from rephase.engine.store.index import INDEX_FILE, StoreIndex
from rephase.engine.store.reading import EpisodeStore, Slices

__all__ = ["INDEX_FILE", "EpisodeStore", "Slices", "StoreIndex", "import_chunks"]
