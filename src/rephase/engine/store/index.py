"""What a store says about itself: one JSON file, written last, that names every array with its digest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import attrs
from attrs import field, frozen, validators

from rephase.errors import DatasetError, ManifestError
from rephase.manifest.hashing import file_digest
from rephase.manifest.reading import structure

__all__ = ["INDEX_FILE", "ArrayFile", "SourceChunk", "StoreIndex", "TaskEntry", "read_index", "write_index"]

INDEX_FILE = "index.json"
_SCHEMA = 1


@frozen(kw_only=True)
class SourceChunk:
    """One chunk file a store was made from."""

    name: str
    sha256: str
    episodes: int


@frozen(kw_only=True)
class ArrayFile:
    """One array of a store.

    Args:
        file: Its path, relative to the store.
        sha256: Digest of that file.
        shape: Its shape; entries are float32.
    """

    file: str
    sha256: str
    shape: tuple[int, ...]


@frozen(kw_only=True)
class TaskEntry:
    """The episodes of one task.

    Args:
        task: Index of the task.
        by_source: Episodes from each source, in the order of the sources.
        observations: (E, T+1, S).
        actions: (E, T, A); action t leads from observation t to observation t+1.
        rewards: (E, T), likewise.
    """

    task: int
    by_source: tuple[int, ...]
    observations: ArrayFile
    actions: ArrayFile
    rewards: ArrayFile

    @property
    def episodes(self) -> int:
        """Number E of episodes."""
        return sum(self.by_source)

    @property
    def arrays(self) -> tuple[ArrayFile, ...]:
        """The three arrays."""
        return (self.observations, self.actions, self.rewards)


@frozen(kw_only=True)
class StoreIndex:
    """Everything a store holds.

    Args:
        sources: The chunk files it was made from.
        tasks: One entry for each task, in ascending order.
        schema: Version of this layout.
    """

    sources: tuple[SourceChunk, ...]
    tasks: tuple[TaskEntry, ...]
    schema: int = field(default=_SCHEMA, validator=validators.in_((_SCHEMA,)))


def write_index(folder: Path, index: StoreIndex) -> None:
    """Write the index of a finished store."""
    data = json.dumps(attrs.asdict(index), indent=2, sort_keys=True) + "\n"
    (folder / INDEX_FILE).write_text(data, encoding="utf-8")


def read_index(folder: Path) -> tuple[StoreIndex, str]:
    """Read a store's index and the digest that names the store's whole content.

    Raises:
        DatasetError: When ``folder`` holds no store this version reads.
    """
    path = folder / INDEX_FILE
    remedy = "import the dataset again"
    if not path.is_file():
        raise DatasetError("holds no dataset store", where=str(folder), remedy="'rephase import-dataset' makes one")
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(raw, Mapping) and raw.get("schema") != _SCHEMA:
            raise DatasetError(
                f"has layout {raw.get('schema')!r}, this version reads {_SCHEMA}", where=str(path), remedy=remedy
            )
        index = structure(raw, StoreIndex, str(path))
        _require_own_files(folder, index, str(path), remedy)
        return index, file_digest(path)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DatasetError("is not JSON", where=str(path), remedy=remedy) from error
    except ManifestError as error:
        found = "; ".join(str(problem) for problem in error.problems)
        raise DatasetError(found, where=str(path), remedy=remedy) from error


def _require_own_files(folder: Path, index: StoreIndex, where: str, remedy: str) -> None:
    """Refuse an index that leads out of its store, be it by a link: what it names is read and hashed."""
    home = folder.resolve()
    for array in (array for entry in index.tasks for array in entry.arrays):
        if not (end := (folder / array.file).resolve()).is_relative_to(home):
            problem = f"{array.file!r} leads to {end}, expected a file of the store {home}"
            raise DatasetError(problem, where=where, remedy=remedy)
