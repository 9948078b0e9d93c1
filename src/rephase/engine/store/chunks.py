"""Chunk files of the official dataset as tensors: whatever tensordict wrote them, with no tensordict needed.

A chunk is a table of ``obs``, ``action``, ``reward`` and ``task``, each (episodes, rows, ...). Row t holds the action
and reward that led to the observation of row t, so those of row 0 mean nothing: NaN in some files, uninitialised
memory in others. They are never looked at here or later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from attrs import frozen
from torch import Tensor

from rephase.engine.unpickling import StandIn, VerifiedFile, load
from rephase.errors import DatasetError
from rephase.protocols import Spaces

__all__ = ["Chunk", "open_chunk", "spans", "tasks_of"]

_FIELDS = ("obs", "action", "reward", "task")
_SPAN_BYTES = 64 << 20
"""How much of a chunk is touched before it is opened afresh, which gives the memory of touched pages back."""


class _Table:
    """Stands in for a TensorDict: keeps its state and can do nothing."""

    _tensordict: Mapping[str, Any]


def _made(*arguments: Any) -> _Table:
    """Stands in for the function newer files call to build a TensorDict: its last argument is the state."""
    table = _Table()
    state = arguments[-1] if arguments else None
    if isinstance(state, dict):
        table.__dict__.update(state)
    return table


_STAND_INS: tuple[StandIn, ...] = (
    (_Table, "tensordict.tensordict.TensorDict"),
    (_Table, "tensordict._td.TensorDict"),
    (_made, "tensordict._reductions._make_td"),
    (dict, "tensordict.utils._StringOnlyDict"),
)


@frozen(eq=False)
class Chunk:
    """The tensors of one chunk, mapped from the disk.

    Args:
        observation: (E, T+1, S) float32.
        action: (E, T+1, A) float32; row 0 means nothing.
        reward: (E, T+1) float32; row 0 means nothing.
        task: (E, T+1) integers, the same in every row of an episode.
    """

    observation: Tensor
    action: Tensor
    reward: Tensor
    task: Tensor

    @property
    def episodes(self) -> int:
        """Number E of episodes."""
        return self.task.shape[0]


def open_chunk(file: VerifiedFile, spaces: Spaces, rows: int) -> Chunk:
    """Map a chunk file and check that it has the layout of the official dataset.

    Args:
        file: The chunk file.
        spaces: Padded sizes of observations and actions.
        rows: Rows T+1 of every episode.

    Raises:
        DatasetError: When the file is damaged or laid out otherwise.
    """
    where = str(file.path)
    table = _contents(load(file, _STAND_INS, DatasetError), where)
    missing = [name for name in _FIELDS if not isinstance(table.get(name), Tensor)]
    if missing:
        raise DatasetError(
            f"holds no {' and no '.join(missing)} but {', '.join(sorted(map(str, table))) or 'nothing'}",
            where=where,
            remedy="give a chunk of the MT30 dataset",
        )
    episodes = table["task"].shape[0] if table["task"].ndim else 0
    shapes = {
        "obs": (episodes, rows, spaces.observation),
        "action": (episodes, rows, spaces.action),
        "reward": (episodes, rows),
        "task": (episodes, rows),
    }
    for name, shape in shapes.items():
        _require(table[name], name, shape, where)
    return Chunk(*(table[name] for name in _FIELDS))


def spans(episodes: int, row_bytes: int) -> Iterator[slice]:
    """Cut a chunk into runs of episodes small enough to be touched at once.

    Args:
        episodes: Episodes of the chunk.
        row_bytes: Bytes of one episode that will be touched.
    """
    step = max(1, _SPAN_BYTES // row_bytes)
    for first in range(0, episodes, step):
        yield slice(first, min(first + step, episodes))


def tasks_of(file: VerifiedFile, spaces: Spaces, rows: int) -> Tensor:
    """Task index of every episode of a chunk, (E,) int64.

    Raises:
        DatasetError: When an episode changes its task, or its task is not of the suite.
    """
    found = []
    for span in spans(open_chunk(file, spaces, rows).episodes, rows * 8):
        task = open_chunk(file, spaces, rows).task[span].long()
        _require_tasks(task, span.start, spaces, str(file.path))
        found.append(task[:, 0].clone())
    return torch.cat(found)


def _contents(loaded: Any, where: str) -> Mapping[Any, Any]:
    table = getattr(loaded, "_tensordict", loaded) if isinstance(loaded, _Table) else loaded
    if not isinstance(table, Mapping):
        raise DatasetError(
            f"holds a {type(loaded).__name__.lstrip('_')}, expected a table of tensors",
            where=where,
            remedy="give a chunk of the MT30 dataset",
        )
    return table


def _require(tensor: Tensor, name: str, shape: tuple[int, ...], where: str) -> None:
    remedy = "give a chunk of the MT30 dataset"
    if tensor.is_sparse or tuple(tensor.shape) != shape or not shape[0]:
        wanted = ("episodes", *shape[1:])
        raise DatasetError(
            f"{name} has shape ({', '.join(map(str, tensor.shape))}), expected ({', '.join(map(str, wanted))})",
            where=where,
            remedy=remedy,
        )
    allowed = (torch.int32, torch.int64) if name == "task" else (torch.float32,)
    if tensor.dtype not in allowed:
        raise DatasetError(
            f"{name} is {_named(tensor.dtype)}, expected {_named(allowed[0])}", where=where, remedy=remedy
        )


def _require_tasks(task: Tensor, first: int, spaces: Spaces, where: str) -> None:
    changes = (task != task[:, :1]).any(1).nonzero()
    if len(changes):
        raise DatasetError(
            f"episode {first + int(changes[0])} changes its task on the way",
            where=where,
            remedy="give a chunk of the MT30 dataset",
        )
    outside = ((task[:, 0] < 0) | (task[:, 0] >= spaces.tasks)).nonzero()
    if len(outside):
        episode = int(outside[0])
        raise DatasetError(
            f"episode {first + episode} is of task {int(task[episode, 0])}, expected 0 to {spaces.tasks - 1}",
            where=where,
            remedy="give a chunk of the MT30 dataset",
        )


def _named(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
