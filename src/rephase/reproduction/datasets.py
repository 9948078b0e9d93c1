"""The dataset with the names of tasks: chunks into a store, and start observations out of one. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from attrs import frozen

from rephase.engine.checkpoints import write_tensors
from rephase.engine.seeding import stream
from rephase.engine.store import EpisodeStore, import_chunks
from rephase.engine.unpickling import verified
from rephase.environments.tasks import EPISODE_STEPS, SPACES, TASKS, find_task
from rephase.errors import InputMismatch, UsageError
from rephase.manifest import Phase
from rephase.manifest.algorithm import Variant
from rephase.manifest.fetched import read_fetch_lock
from rephase.manifest.hashing import file_digest, is_digest

__all__ = [
    "StartStates",
    "describe",
    "import_dataset",
    "open_store",
    "pinned_digests",
    "write_start_states",
]


@frozen
class StartStates:
    """A file of start observations.

    Args:
        path: The file.
        digest: Its digest.
        tasks: Names of its tasks.
        count: Observations of each.
    """

    path: Path
    digest: str
    tasks: tuple[str, ...]
    count: int


def import_dataset(
    chunks: Sequence[Path],
    folder: Path,
    tasks: Sequence[str],
    digests: Mapping[str, str],
    say: Callable[[str], None],
) -> EpisodeStore:
    """Import chunk files.

    Args:
        chunks: The files, in order.
        folder: Where the store goes.
        tasks: Names of the tasks to keep; all when empty.
        digests: What the digest of each file must be, by its path; one that is not named is computed and only recorded.
        say: Told one line now and then.

    Returns:
        The store.

    Raises:
        UnknownName: When a task is unknown.
        InputMismatch: When a file is missing or not the pinned one.
        DatasetError: When a file is no chunk, or the store cannot be written.
    """
    wanted = [find_task(name).index for name in tasks]
    files = []
    for chunk in chunks:
        digest = digests.get(str(chunk))
        if digest is None:
            if not chunk.is_file():
                raise InputMismatch("no such file", where=str(chunk), remedy="'rephase fetch' gets the official inputs")
            digest = file_digest(chunk)
            say(f"{chunk.name}: no digest is pinned; recorded {digest}")
        elif not is_digest(digest):
            raise UsageError(
                f"{digest!r} is no digest", where="--sha256", remedy="write sha256: and 64 lower-case hex digits"
            )
        files.append(verified(chunk, digest))
    import_chunks(files, folder, SPACES, EPISODE_STEPS + 1, wanted, say)
    return EpisodeStore(folder)


def open_store(folder: Path) -> EpisodeStore:
    """Open a store that was imported earlier.

    Raises:
        DatasetError: When there is none.
    """
    return EpisodeStore(folder)


def pinned_digests(phase: Phase, chunks: Sequence[Path]) -> dict[str, str]:
    """Digests that the manifest and the lock of a phase pin for chunk files, by the chunk's path.

    Raises:
        InputMismatch: When the phase pins no input of a chunk's name.
    """
    lock = read_fetch_lock(phase.file)
    found = {}
    for chunk in chunks:
        pinned = {
            lock.digest_of(name) if one.pending else one.sha256
            for name, one in phase.manifest.inputs.items()
            if chunk.name in (Path(one.filename).name, Path(one.path).name)
        } - {None}
        if len(pinned) != 1:
            raise InputMismatch(
                f"{phase.name} pins no input of this name",
                where=str(chunk),
                remedy=f"'rephase fetch {phase.manifest.phase}' pins it, or give --sha256",
            )
        found[str(chunk)] = str(pinned.pop())
    return found


def describe(store: EpisodeStore) -> dict[str, Any]:
    """What a store holds, in plain values: its digest, its sources and the episodes of each task by name."""
    return {
        "sha256": store.digest,
        "sources": [{"name": one.name, "sha256": one.sha256} for one in store.index.sources],
        "tasks": [{"episodes": store.episodes(task), "index": task, "task": TASKS[task].name} for task in store.tasks],
    }


def write_start_states(
    store: EpisodeStore, path: Path, tasks: Sequence[str], *, count: int, horizon: int, seed: int, sampling: str
) -> StartStates:
    """Draw start observations and write them as the file a manifest names in ``start_states``.

    Args:
        store: Where they are drawn from.
        path: The file.
        tasks: Names of the tasks; all the store holds when empty.
        count: Observations of each task.
        horizon: Steps that must follow each within its episode.
        seed: Seed they are drawn with, one stream a task.
        sampling: ``as-logged`` or ``corrected``.

    Raises:
        UsageError: When ``count`` is not positive.
        DatasetError: When the store lacks a task or the horizon does not fit.
    """
    if count < 1:
        raise UsageError(f"{count} start observations are none", where="--count", remedy="give 1 or more")
    names = tuple(tasks) or tuple(TASKS[task].name for task in store.tasks)
    observations, indices = [], []
    for name in names:
        generator, task = stream(seed, f"start-states/{name}"), find_task(name).index
        among = store.sampled(task, Variant(sampling), generator)
        observations.append(store.starts(task, count, horizon, generator, among))
        indices.append(torch.full((count,), task))
    metadata = {
        "count": str(count),
        "horizon": str(horizon),
        "sampling": sampling,
        "seed": str(seed),
        "store": store.digest,
    }
    tensors = {"observations": torch.cat(observations), "tasks": torch.cat(indices)}
    return StartStates(path, write_tensors(path, tensors, metadata), names, count)
