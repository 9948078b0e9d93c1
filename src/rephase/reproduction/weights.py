"""The parameters of a world model from an input file, whichever of the two kinds it is.

Files of ours are safetensors; published checkpoints are ``.pt``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from rephase.engine.checkpoints import read_tensors
from rephase.engine.official import read_official, read_world_model
from rephase.engine.unpickling import verified

__all__ = ["dropped_from", "world_model_tensors"]


def world_model_tensors(path: Path, digest: str, shapes: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """Read the parameters of a world model.

    Args:
        path: A safetensors file with one tensor a parameter, or a ``.pt`` checkpoint of TD-MPC2 or PWM.
        digest: What the digest of ``path`` must be; nothing is read before it was checked.
        shapes: Shape of every parameter; a ``.pt`` file is refused when it does not fit.

    Raises:
        InputMismatch: When the file is missing or not the pinned one.
        CheckpointError: When it cannot be read, or is of a model of other sizes.
    """
    if path.suffix == ".pt":
        return dict(read_world_model(path, digest, shapes).tensors)
    tensors, _ = read_tensors(path, digest)
    return tensors


def dropped_from(path: Path, digest: str) -> tuple[str, ...]:
    """What a checkpoint holds beside the world model and is not used, as first parts of names; a file of ours, nothing.

    Args:
        path: As in `world_model_tensors`.
        digest: As in `world_model_tensors`.

    Raises:
        InputMismatch: When the file is missing or not the pinned one.
        CheckpointError: When it cannot be read.
    """
    return read_official(verified(path, digest)).dropped if path.suffix == ".pt" else ()
