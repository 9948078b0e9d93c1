"""The world model out of a published ``.pt`` checkpoint, straight from the file whose digest was checked.

Nothing is kept beside it: a converted copy would be one more file that could be changed unnoticed, and reading the
18.98 million parameters that are used takes less time than computing the digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import frozen
from torch import Tensor, float32

from rephase.engine.official.layouts import Layout, read_official
from rephase.engine.official.sizes import require_shapes
from rephase.engine.unpickling import verified
from rephase.errors import CheckpointError

__all__ = ["OfficialModel", "read_world_model"]


@frozen(eq=False)
class OfficialModel:
    """The world model of a checkpoint.

    Args:
        layout: Layout of the file.
        tensors: Its parameters by the names they have here, float32.
        dropped: What the file holds beside it.
    """

    layout: Layout
    tensors: Mapping[str, Tensor]
    dropped: tuple[str, ...]

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return sum(value.numel() for value in self.tensors.values())


def read_world_model(source: Path, digest: str, shapes: Mapping[str, Sequence[int]]) -> OfficialModel:
    """Read the world model of a checkpoint, and nothing else of it.

    Args:
        source: The ``.pt`` file.
        digest: What its digest must be; nothing is read before it was checked.
        shapes: Shape of every parameter of the world model the checkpoint is for.

    Raises:
        InputMismatch: When ``source`` is missing or not the pinned file.
        CheckpointError: When it is no checkpoint of a known layout, or of a world model of other sizes.
    """
    where = str(source)
    found = read_official(verified(source, digest))
    require_shapes({name: value.shape for name, value in found.world_model.items()}, shapes, where)
    return OfficialModel(
        found.layout,
        {name: _finite(name, value.read(), where) for name, value in sorted(found.world_model.items())},
        found.dropped,
    )


def _finite(name: str, value: Tensor, where: str) -> Tensor:
    if value.dtype != float32:
        kind = str(value.dtype).removeprefix("torch.")
        raise CheckpointError(f"{name} is {kind}, expected float32", where=where, remedy="give the original file")
    if not bool(value.isfinite().all()):
        raise CheckpointError(f"{name} is not finite", where=where, remedy="give a checkpoint that did not diverge")
    return value
