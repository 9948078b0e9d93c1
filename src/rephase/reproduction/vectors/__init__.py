"""Replay of reference vectors: do the installed parts and the engine compute the reference's numbers here?

The file format is described beside the shipped vectors, in ``tests/data/reference/FORMAT.md``. Nothing about sizes,
depth or seeds is assumed: everything is read from the files.
"""

from __future__ import annotations

from rephase.reproduction.vectors.replay import replay_folder

__all__ = ["replay_folder"]
