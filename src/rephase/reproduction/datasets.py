"""The dataset with the names of tasks: chunks into a store, and start observations out of one. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from attrs import evolve, frozen

from rephase.engine.checkpoints import write_tensors
from rephase.engine.seeding import stream
from rephase.engine.store import EpisodeStore, import_chunks
from rephase.engine.unpickling import verified
from rephase.environments import SPACES, TASKS, required_task
from rephase.environments.tasks import EPISODE_STEPS
from rephase.errors import InputMismatch, UsageError
from rephase.manifest import Phase
from rephase.manifest.algorithm import Variant
from rephase.manifest.fetched import PinnedInput, fetch_lock_path, format_fetch_lock, read_fetch_lock
from rephase.manifest.files import displayed
from rephase.manifest.hashing import file_digest, is_digest
from rephase.manifest.pins import pin_of, require_size
from rephase.manifest.writing import write_atomically

__all__ = [
    "StartStates",
    "describe",
    "import_dataset",
    "open_store",
    "pin_made",
    "pinned_chunks",
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
    wanted = [required_task(name).index for name in tasks]
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


def pinned_chunks(phase: Phase, chunks: Sequence[Path]) -> dict[Path, str]:
    """What a phase pins for chunk files, which must be all of the phase's and each once.

    Sizes are compared here; digests when the files are imported.

    Args:
        phase: The phase.
        chunks: The files, recognised by their names.

    Returns:
        Digest by file, in the manifest's order, so that the same files make the same store.

    Raises:
        InputMismatch: When the phase pins no input of a chunk's name, or one of another size.
        UsageError: When a chunk is missing or given twice.
    """
    given: dict[str, Path] = {}
    for chunk in chunks:
        name = _input_of(phase, chunk)
        if name in given:
            raise UsageError(
                f"{given[name]} and {chunk} are both given for the input {name!r}",
                where=phase.name,
                remedy="give every chunk once",
            )
        given[name] = chunk
    wanted = _chunk_inputs(phase) or list(given)
    if absent := [name for name in wanted if name not in given]:
        raise UsageError(
            f"{len(given)} of {len(wanted)} chunks are given, {', '.join(absent)} {_is(len(absent))} not",
            where=phase.name,
            remedy="give every chunk of the phase once; 'rephase fetch' gets them",
        )
    found = {}
    for name in (name for name in wanted if name in given):
        pin = pin_of(phase, name)
        assert pin is not None
        require_size(given[name], name, pin.size, "fetch it again, or give the right file")
        found[given[name]] = pin.sha256
    return found


def pin_made(phase: Phase, path: Path, made_from: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Write the digest of a file that was made from other inputs to the lock beside the manifest.

    Making it again replaces the pin, since what it is made from was verified; runs that were made from the earlier
    file keep to that by a lock of their own.

    Args:
        phase: The phase; nothing is done when none of its pending inputs is this file.
        path: The file.
        made_from: Digest of what it was made from, by name.
        say: Told what was pinned.
    """
    for name, one in phase.manifest.inputs.items():
        if not one.pending or phase.path_of(name).resolve() != path.resolve():
            continue
        lock, pinned_in = read_fetch_lock(phase.file), fetch_lock_path(phase.file)
        pinned = PinnedInput(
            sha256=file_digest(path), source="made", size=path.stat().st_size, made_from=dict(made_from)
        )
        if lock.inputs.get(name) != pinned:
            lock = evolve(lock, inputs={**lock.inputs, name: pinned})
            write_atomically(pinned_in, format_fetch_lock(lock))
            say(f"PINNED {name}: {pinned.sha256}, made from {', '.join(made_from)}; now in {displayed(pinned_in)}")


def _input_of(phase: Phase, chunk: Path) -> str:
    """Name of the input that a chunk's file name stands for, and that somebody pinned."""
    names = [
        name
        for name, one in phase.manifest.inputs.items()
        if chunk.name in (Path(one.filename).name, Path(one.path).name) and pin_of(phase, name) is not None
    ]
    if len(names) != 1:
        raise InputMismatch(
            f"{phase.name} pins no input of this name",
            where=str(chunk),
            remedy=f"'rephase fetch {phase.manifest.phase}' pins it, or give --sha256",
        )
    return names[0]


def _chunk_inputs(phase: Phase) -> list[str]:
    """Names of the inputs that others are made from, else of all that come from a dataset repository."""
    inputs = phase.manifest.inputs
    sources = [name for one in inputs.values() for name in one.made_from if inputs[name].repo]
    return list(dict.fromkeys(sources)) or [name for name, one in inputs.items() if one.repo_type == "dataset"]


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def describe(store: EpisodeStore) -> dict[str, Any]:
    """What a store holds, in plain values: its digest, its sources and the episodes of each task by name."""
    return {
        "sha256": store.digest,
        "sources": [{"episodes": one.episodes, "name": one.name, "sha256": one.sha256} for one in store.index.sources],
        "tasks": [
            {
                "by_source": list(entry.by_source),
                "episodes": entry.episodes,
                "index": entry.task,
                "task": TASKS[entry.task].name,
            }
            for entry in store.index.tasks
        ],
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
        generator, task = stream(seed, f"start-states/{name}"), required_task(name).index
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
