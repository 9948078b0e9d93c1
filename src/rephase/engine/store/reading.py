"""A store's episodes: slices within one episode and start observations, read from the disk where they lie.

Files are mapped, not loaded, and pages that were read are given back before they add up, so that a process that draws
from a store of any size stays small.
"""

from __future__ import annotations

import mmap
from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor

from rephase.engine.store.index import ArrayFile, StoreIndex, TaskEntry, read_index
from rephase.errors import DatasetError
from rephase.manifest.algorithm import Variant
from rephase.manifest.hashing import file_digest

__all__ = ["EpisodeStore", "Slices"]

_LOGGED_CAPACITY = 24_000
"""Episodes the logged code kept of one chunk at most."""

_KEPT_DRAWS = 1024
"""Draws from a store before its pages are given back: each may map 64 KiB and more around what it touches."""


@frozen(eq=False)
class Slices:
    """Stretches of H+1 rows, each within one episode.

    Args:
        observations: (H+1, B, S).
        actions: (H, B, A).
        rewards: Plain rewards, (H, B).
        task: Task indices, (B,).
    """

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    task: Tensor


class EpisodeStore:
    """An imported dataset.

    Args:
        folder: Where `import_chunks` put it.

    Raises:
        DatasetError: When it is no store, or one of its files is missing or of the wrong size.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.index: StoreIndex
        self.index, self.digest = read_index(folder)
        self._entries = {entry.task: entry for entry in self.index.tasks}
        pages = _Pages()
        self._episodes = {entry.task: _Episodes(folder, entry, pages) for entry in self.index.tasks}

    @property
    def tasks(self) -> tuple[int, ...]:
        """Indices of the tasks it holds, ascending."""
        return tuple(sorted(self._entries))

    def episodes(self, task: int) -> int:
        """Number of episodes of a task."""
        return self._entry(task).episodes

    def verify(self, tasks: Collection[int] | None = None, *, whole: bool = True) -> None:
        """Compare arrays with the digests in the index; takes about a second a gigabyte.

        Args:
            tasks: Whose arrays; those of all tasks when None.
            whole: Whether actions and rewards are looked at too, or only observations.

        Raises:
            DatasetError: When one is not what was written.
        """
        for task in self.tasks if tasks is None else sorted(tasks):
            entry = self._entry(task)
            for array in entry.arrays if whole else (entry.observations,):
                found = file_digest(self.folder / array.file)
                if found != array.sha256:
                    raise DatasetError(
                        f"is {found}, expected {array.sha256}; it was changed after it was imported",
                        where=str(self.folder / array.file),
                        remedy="move the store away and import the dataset again",
                    )

    def sampled(self, task: int, sampling: Variant, generator: torch.Generator) -> Tensor:
        """Which episodes a run draws from.

        As logged, each chunk's episodes are redrawn with replacement, at most 24,000 of a chunk, so that about 37% of
        them are never used; corrected, every episode counts once.

        Args:
            task: Index of the task.
            sampling: The variant ``episode_sampling``.
            generator: Source of all randomness; not touched by the corrected variant.

        Returns:
            Episode numbers, (N,), with repetitions as logged.
        """
        entry = self._entry(task)
        if sampling is Variant.CORRECTED:
            return torch.arange(entry.episodes)
        drawn, first = [], 0
        for count in entry.by_source:
            if count:
                drawn.append(first + torch.randint(count, (min(count, _LOGGED_CAPACITY),), generator=generator))
            first += count
        return torch.cat(drawn)

    def slices(
        self, task: int, count: int, horizon: int, generator: torch.Generator, among: Tensor | None = None
    ) -> Slices:
        """Draw stretches of one task: an episode uniformly, then a first row uniformly.

        Args:
            task: Index of the task.
            count: Stretches B.
            horizon: Steps H of a stretch.
            generator: Source of all randomness.
            among: Episode numbers to draw from, as `sampled` gives them; all when None.
        """
        held = self._held(task)
        episode, first = held.places(count, horizon, generator, among)
        steps = first + np.arange(horizon + 1)[:, None]
        return Slices(
            observations=held.observations.take(episode, steps),
            actions=held.actions.take(episode, steps[:-1]),
            rewards=held.rewards.take(episode, steps[:-1]),
            task=torch.full((count,), task),
        )

    def starts(
        self, task: int, count: int, horizon: int, generator: torch.Generator, among: Tensor | None = None
    ) -> Tensor:
        """Draw the first observations (B, S) of what `slices` would draw, and read nothing else.

        All a policy needs that is trained inside a frozen world model.

        Args:
            task: Index of the task.
            count: Observations B.
            horizon: Steps H that would have to follow within the episode.
            generator: Source of all randomness.
            among: Episode numbers to draw from; all when None.
        """
        held = self._held(task)
        episode, first = held.places(count, horizon, generator, among)
        return held.observations.take(episode, first)

    def draw(self, count: int, horizon: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Draw stretches of all tasks, the same number of each up to rounding.

        Returns:
            Observations (H+1, B, S), actions (H, B, A), rewards (H, B) and task indices (B,).
        """
        share, rest = divmod(count, len(self.tasks))
        parts = [self.slices(task, share + (place < rest), horizon, generator) for place, task in enumerate(self.tasks)]
        return (
            torch.cat([part.observations for part in parts], 1),
            torch.cat([part.actions for part in parts], 1),
            torch.cat([part.rewards for part in parts], 1),
            torch.cat([part.task for part in parts]),
        )

    def _entry(self, task: int) -> TaskEntry:
        if task not in self._entries:
            raise DatasetError(
                f"holds no episode of task {task}, only of {', '.join(map(str, self.tasks))}",
                where=str(self.folder),
                remedy="import the chunks that hold it",
            )
        return self._entries[task]

    def _held(self, task: int) -> _Episodes:
        self._entry(task)
        return self._episodes[task]


class _Pages:
    """Counts what all files of a store have brought into memory, and gives it back before it is much."""

    def __init__(self) -> None:
        self._maps: list[mmap.mmap] = []
        self._draws = 0

    def watch(self, mapped: mmap.mmap) -> None:
        """Look after one more file."""
        # Stretches are far apart: reading ahead would only fill memory.
        mapped.madvise(mmap.MADV_RANDOM)
        self._maps.append(mapped)

    def count(self, draws: int) -> None:
        """Note that ``draws`` places were read."""
        self._draws += draws
        if self._draws >= _KEPT_DRAWS:
            for mapped in self._maps:
                mapped.madvise(mmap.MADV_DONTNEED)
            self._draws = 0


class _Episodes:
    """The three mapped arrays of one task."""

    def __init__(self, folder: Path, entry: TaskEntry, pages: _Pages) -> None:
        self.observations, self.actions, self.rewards = (_MappedArray(folder, array, pages) for array in entry.arrays)
        self._where = f"{folder}, task {entry.task}"
        self._steps = entry.rewards.shape[1]
        self._count = entry.episodes

    def places(
        self, count: int, horizon: int, generator: torch.Generator, among: Tensor | None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Episode and first row of ``count`` stretches, (B,) each."""
        if not 0 <= horizon <= self._steps:
            raise DatasetError(
                f"no stretch of {horizon} steps fits an episode of {self._steps}",
                where=self._where,
                remedy="choose a shorter horizon",
            )
        episode = torch.randint(self._count if among is None else len(among), (count,), generator=generator)
        if among is not None:
            episode = among[episode]
        first = torch.randint(self._steps - horizon + 1, (count,), generator=generator)
        return episode.numpy(), first.numpy()


class _MappedArray:
    """A float32 ``.npy`` file, mapped read-only."""

    def __init__(self, folder: Path, described: ArrayFile, pages: _Pages) -> None:
        path = folder / described.file
        try:
            with path.open("rb") as file:
                np.lib.format.read_magic(file)
                shape, _, dtype = np.lib.format.read_array_header_1_0(file)
                start = file.tell()
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise _damaged(path, f"cannot be read ({error})") from error
        size = start + 4 * int(np.prod(described.shape))
        if shape != described.shape or dtype != np.dtype("<f4") or len(self._map) != size:
            raise _damaged(path, f"has {len(self._map)} bytes of shape {shape}, expected {size} of {described.shape}")
        pages.watch(self._map)
        self._pages = pages
        self._array: NDArray[np.float32] = np.frombuffer(self._map, dtype="<f4", offset=start).reshape(shape)

    def take(self, episode: NDArray[np.int64], rows: NDArray[np.int64]) -> Tensor:
        """Copy out the rows (..., B) of the episodes (B,)."""
        parts = []
        for few in range(0, max(1, len(episode)), _KEPT_DRAWS):
            some = slice(few, few + _KEPT_DRAWS)
            parts.append(torch.from_numpy(self._array[episode[some], rows[..., some]]))
            self._pages.count(len(episode[some]))
        return torch.cat(parts, rows.ndim - 1)


def _damaged(path: Path, problem: str) -> DatasetError:
    return DatasetError(problem, where=str(path), remedy="import the dataset again")
