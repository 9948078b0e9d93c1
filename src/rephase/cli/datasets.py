"""``rephase import-dataset CHUNK ... --into FOLDER``: chunk files of the MT30 dataset into a store, once.

With ``--start-states`` also the file of start observations that policies are trained from inside a frozen model.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rephase.cli.options import at_least
from rephase.cli.rendering import emit, table, tell
from rephase.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rephase.manifest import Phase
    from rephase.reproduction.datasets import StartStates

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "chunks", metavar="CHUNK", nargs="*", type=Path, help="chunk files, in order; none reads FOLDER"
    )
    parser.add_argument("--into", metavar="FOLDER", type=Path, required=True, help="where the store goes")
    parser.add_argument("--task", action="append", default=[], help="keep only this task; may be given again")
    parser.add_argument(
        "--sha256",
        metavar="DIGEST",
        action="append",
        default=[],
        help="digest of a chunk, in the order of the chunks (default: computed and only recorded)",
    )
    parser.add_argument(
        "--phase",
        help="phase that pins the chunks: all of its chunks are needed, each once, and the store is pinned in its lock",
    )
    parser.add_argument("--scale", choices=["embedded", "logged"], default="logged", help="its scale (default: logged)")
    parser.add_argument("--project", type=Path, help="folder that holds reproductions/ (default: here or above)")
    parser.add_argument("--start-states", metavar="FILE", type=Path, help="also write start observations to this file")
    parser.add_argument("--count", type=at_least(1), default=20_000, help="start observations a task (default: 20000)")
    parser.add_argument(
        "--horizon", type=at_least(1), default=16, help="steps that must follow in the episode (default: 16)"
    )
    parser.add_argument("--seed", type=at_least(0), default=0, help="seed they are drawn with (default: 0)")
    parser.add_argument(
        "--episode-sampling",
        choices=["as-logged", "corrected"],
        default="corrected",
        help="episodes redrawn with replacement as the log did, or each as likely (default: corrected)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Import the chunks, or use the store that is there, and write the start observations where asked for.

    Returns:
        0 when everything asked for was written.
    """
    from rephase.engine.store import INDEX_FILE
    from rephase.reproduction.datasets import import_dataset, open_store, pin_made, write_start_states

    phase = _phase(arguments)
    if arguments.chunks:
        chunks, digests = _pinned(arguments, phase)
        store = import_dataset(chunks, arguments.into, arguments.task, digests, tell)
        if phase is not None:
            pin_made(phase, store.folder / INDEX_FILE, {one.name: one.sha256 for one in store.index.sources}, tell)
    elif arguments.start_states:
        store = open_store(arguments.into)
    else:
        raise UsageError("nothing to do", where="import-dataset", remedy="give chunk files, or --start-states FILE")
    starts = None
    if arguments.start_states:
        starts = write_start_states(
            store,
            arguments.start_states,
            arguments.task,
            count=arguments.count,
            horizon=arguments.horizon,
            seed=arguments.seed,
            sampling=arguments.episode_sampling,
        )
        if phase is not None:
            pin_made(phase, starts.path, {INDEX_FILE: store.digest}, tell)
    from rephase.reproduction.datasets import describe

    data: dict[str, Any] = {"folder": str(arguments.into), **describe(store)}
    rows = [
        [row["task"], str(row["index"]), f"{row['episodes']:,}", " + ".join(f"{n:,}" for n in row["by_source"])]
        for row in data["tasks"]
    ]
    lines = [
        table(["Task", "Index", "Episodes", "By chunk"], rows, numbers=(1, 2)),
        f"{_counted(data)}; {arguments.into}: {store.digest}",
    ]
    if starts is not None:
        data["start_states"] = _starts_data(starts)
        lines.append(
            f"{starts.path}: {starts.count:,} start observations of {len(starts.tasks)} tasks, {starts.digest}"
        )
    emit(arguments, data, "\n".join(lines))
    return 0


def _counted(data: Mapping[str, Any]) -> str:
    """How many episodes the chunks hold and how many a task were kept, in words."""
    sources, tasks = data["sources"], data["tasks"]
    kept = sorted({row["episodes"] for row in tasks})
    each = f"{kept[0]:,} a task" if len(kept) == 1 else f"{kept[0]:,} to {kept[-1]:,} a task"
    held = sum(one["episodes"] for one in sources)
    return f"{held:,} episodes in {len(sources)} chunk{'s' * (len(sources) > 1)}, kept of {len(tasks)} tasks: {each}"


def _phase(arguments: argparse.Namespace) -> Phase | None:
    if not arguments.phase:
        return None
    from rephase.cli.options import phase_of

    return phase_of(arguments)


def _pinned(arguments: argparse.Namespace, phase: Phase | None) -> tuple[list[Path], dict[str, str]]:
    """The chunks in the order they are imported, and the digest of each that is pinned anywhere, by its path."""
    from rephase.reproduction.datasets import pinned_chunks

    if phase is not None:
        pinned = pinned_chunks(phase, arguments.chunks)
        return list(pinned), {str(chunk): digest for chunk, digest in pinned.items()}
    if arguments.sha256 and len(arguments.sha256) != len(arguments.chunks):
        raise UsageError(
            f"{len(arguments.sha256)} digests for {len(arguments.chunks)} chunks",
            where="--sha256",
            remedy="give one for each chunk, in the same order",
        )
    given = zip(arguments.chunks, arguments.sha256, strict=False)
    return list(arguments.chunks), {str(chunk): digest for chunk, digest in given}


def _starts_data(starts: StartStates) -> dict[str, Any]:
    return {"count": starts.count, "path": str(starts.path), "sha256": starts.digest, "tasks": list(starts.tasks)}
