"""Replay of reference vectors: do the installed parts and the engine compute the reference's numbers here?

The file format is described beside the shipped vectors, in ``tests/data/reference/FORMAT.md``. Nothing about sizes,
depth or seeds is assumed: everything is read from the files. Golden files of the tasks are checked too, by
`rephase.environments.vectors`.
"""

from __future__ import annotations

from rephase.vectors.folder import check_folder

__all__ = ["check_folder"]
