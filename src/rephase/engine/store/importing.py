"""Chunk files into a store: episode block by episode block, in memory that does not grow with the files.

The store is written under another name and gets its own only when it is complete, so that a store is whole or absent.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from attrs import frozen
from torch import Tensor

from rephase.engine.store.chunks import Chunk, open_chunk, spans, tasks_of
from rephase.engine.store.index import ArrayFile, SourceChunk, StoreIndex, TaskEntry, write_index
from rephase.engine.unpickling import VerifiedFile
from rephase.errors import DatasetError
from rephase.protocols import Spaces

__all__ = ["import_chunks"]

Progress = Callable[[str], None]


def import_chunks(
    chunks: Sequence[VerifiedFile],
    folder: Path,
    spaces: Spaces,
    rows: int,
    tasks: Sequence[int] = (),
    progress: Progress = lambda line: None,
) -> StoreIndex:
    """Write the episodes of chunk files into a new per-task store.

    Peak memory is a few hundred megabytes however large the chunks are.

    Args:
        chunks: The chunk files, in the order in which their episodes are kept.
        folder: Where the store goes; must not exist.
        spaces: Padded sizes of observations and actions, and the number of tasks.
        rows: Rows T+1 of every episode.
        tasks: Indices of the tasks to keep; all that occur when empty.
        progress: Told one line now and then.

    Returns:
        The index of the new store.

    Raises:
        DatasetError: When a chunk is given twice, damaged, misshapen or holds values that are not finite, a wanted
            task does not occur, the disk is too small or ``folder`` is there already. Nothing is left behind.
    """
    if folder.exists():
        raise DatasetError("is there already", where=str(folder), remedy="choose another folder or remove it")
    _require_distinct(chunks)
    found = []
    for number, chunk in enumerate(chunks, 1):
        progress(f"reading the tasks of {chunk.path.name} ({number} of {len(chunks)})")
        found.append(tasks_of(chunk, spaces, rows))
    counts = _counts(found, tasks, spaces, ", ".join(chunk.path.name for chunk in chunks))
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        temporary.mkdir(parents=True)
        _require_room(temporary, counts, spaces, rows)
        index = _fill(temporary, chunks, found, counts, spaces, rows, progress)
        write_index(temporary, index)
        temporary.rename(folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatasetError(
            f"cannot be written ({reason})", where=str(folder), remedy="nothing was kept; fix that and import again"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return index


def _require_distinct(chunks: Sequence[VerifiedFile]) -> None:
    seen: dict[str, VerifiedFile] = {}
    for chunk in chunks:
        if chunk.digest in seen:
            raise DatasetError(
                f"has the same content as {seen[chunk.digest].path}; its episodes would count twice",
                where=str(chunk.path),
                remedy="give every chunk once",
            )
        seen[chunk.digest] = chunk


def _counts(found: Sequence[Tensor], tasks: Sequence[int], spaces: Spaces, where: str) -> dict[int, tuple[int, ...]]:
    """Episodes of each kept task, by chunk."""
    by_chunk = [torch.bincount(one, minlength=spaces.tasks).tolist() for one in found]
    totals = {task: tuple(int(counts[task]) for counts in by_chunk) for task in range(spaces.tasks)}
    absent = [task for task in sorted(set(tasks)) if not any(totals.get(task, ()))]
    if absent or not any(map(any, totals.values())):
        held = ", ".join(str(task) for task, counts in totals.items() if any(counts))
        raise DatasetError(
            f"no episode of task {', '.join(map(str, absent))}; the files hold tasks {held or 'none'}",
            where=where,
            remedy="give the chunks that hold these tasks, or leave the tasks out",
        )
    return {task: counts for task, counts in totals.items() if any(counts) and (not tasks or task in tasks)}


def _require_room(folder: Path, counts: Mapping[int, tuple[int, ...]], spaces: Spaces, rows: int) -> None:
    episodes = sum(map(sum, counts.values()))
    needed = 4 * episodes * (rows * spaces.observation + (rows - 1) * (spaces.action + 1))
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DatasetError(
            f"the store needs {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free",
            where=str(folder.parent),
            remedy="choose a folder on a larger disk, or import fewer tasks",
        )


def _fill(
    folder: Path,
    chunks: Sequence[VerifiedFile],
    found: Sequence[Tensor],
    counts: Mapping[int, tuple[int, ...]],
    spaces: Spaces,
    rows: int,
    progress: Progress,
) -> StoreIndex:
    writers = {task: _TaskWriter(folder, task, sum(by_chunk), spaces, rows) for task, by_chunk in counts.items()}
    try:
        for number, (chunk, tasks) in enumerate(zip(chunks, found, strict=True), 1):
            progress(f"copying {chunk.path.name} ({number} of {len(chunks)})")
            for span in spans(len(tasks), rows * 4 * (spaces.observation + spaces.action + 1)):
                held = [task for task in sorted(set(tasks[span].tolist())) if task in writers]
                # Opened afresh for each span: closing it gives back the memory of the pages just read.
                opened = open_chunk(chunk, spaces, rows) if held else None
                for task in held:
                    assert opened is not None
                    episodes = span.start + (tasks[span] == task).nonzero().squeeze(1)
                    writers[task].append(_Block.of(opened, episodes, str(chunk.path)))
    finally:
        for writer in writers.values():
            writer.close()
    sources = tuple(
        SourceChunk(name=chunk.path.name, sha256=chunk.digest, episodes=len(tasks))
        for chunk, tasks in zip(chunks, found, strict=True)
    )
    entries = tuple(writers[task].entry(by_chunk) for task, by_chunk in sorted(counts.items()))
    return StoreIndex(sources=sources, tasks=entries)


@frozen(eq=False)
class _Block:
    """Some episodes of one task, copied out of a chunk, without the meaningless row 0 of actions and rewards."""

    observations: Tensor
    actions: Tensor
    rewards: Tensor

    @classmethod
    def of(cls, chunk: Chunk, episodes: Tensor, where: str) -> _Block:
        block = cls(chunk.observation[episodes], chunk.action[episodes][:, 1:], chunk.reward[episodes][:, 1:])
        for name, values in (("obs", block.observations), ("action", block.actions), ("reward", block.rewards)):
            finite = values.isfinite().flatten(1).all(1)
            if not bool(finite.all()):
                episode = int(episodes[int((~finite).nonzero()[0])])
                raise DatasetError(
                    f"{name} of episode {episode} is not finite after row 0",
                    where=where,
                    remedy="fetch the file again; if its digest is right, report it",
                )
        return block


class _TaskWriter:
    """Appends blocks to the three arrays of one task."""

    def __init__(self, folder: Path, task: int, episodes: int, spaces: Spaces, rows: int) -> None:
        self._task = task
        name = f"task-{task:02d}"
        (folder / name).mkdir()
        shapes = {
            "observations": (episodes, rows, spaces.observation),
            "actions": (episodes, rows - 1, spaces.action),
            "rewards": (episodes, rows - 1),
        }
        self._arrays = {kind: _ArrayWriter(folder, f"{name}/{kind}.npy", shape) for kind, shape in shapes.items()}

    def append(self, block: _Block) -> None:
        """Write the episodes of ``block`` after those already written."""
        for kind, array in self._arrays.items():
            array.append(getattr(block, kind))

    def close(self) -> None:
        """Close the files, whole or not."""
        for array in self._arrays.values():
            array.close()

    def entry(self, by_source: tuple[int, ...]) -> TaskEntry:
        """What the index says about this task."""
        described = {kind: array.described() for kind, array in self._arrays.items()}
        return TaskEntry(task=self._task, by_source=by_source, **described)


class _ArrayWriter:
    """One ``.npy`` file, written from front to back and digested on the way."""

    def __init__(self, folder: Path, name: str, shape: tuple[int, ...]) -> None:
        self._name, self._shape = name, shape
        self._digest = hashlib.sha256()
        self._file: BinaryIO = (folder / name).open("wb")
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(_Both(self._file, self._digest.update), header)

    def append(self, values: Tensor) -> None:
        data = np.ascontiguousarray(values.numpy(), dtype="<f4").reshape(-1).view(np.uint8).data
        self._digest.update(data)
        self._file.write(data)

    def close(self) -> None:
        self._file.close()

    def described(self) -> ArrayFile:
        return ArrayFile(file=self._name, sha256=f"sha256:{self._digest.hexdigest()}", shape=self._shape)


class _Both:
    """Writes to a file and tells a digest what was written."""

    def __init__(self, file: BinaryIO, tell: Callable[[bytes], None]) -> None:
        self._file, self._tell = file, tell

    def write(self, data: bytes) -> int:
        self._tell(data)
        return self._file.write(data)
