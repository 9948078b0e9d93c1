"""The parameters of a world model from an input file, whichever of the two kinds it is.

Files of ours are safetensors. A published ``.pt`` checkpoint is converted beside itself the first time it is used.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from rephase.engine.checkpoints import read_tensors
from rephase.engine.official import convert_checkpoint, read_part

__all__ = ["world_model_tensors"]


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
    if path.suffix != ".pt":
        tensors, _ = read_tensors(path, digest)
        return tensors
    try:
        return _converted(path, digest, path.with_suffix(".safetensors"), shapes)
    except OSError:
        # Inputs may lie in a folder that is mounted read-only; then the conversion is not kept.
        with tempfile.TemporaryDirectory(prefix="rephase-") as folder:
            return _converted(path, digest, Path(folder) / "converted.safetensors", shapes)


def _converted(path: Path, digest: str, target: Path, shapes: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    converted = convert_checkpoint(path, digest, target, shapes)
    return read_part(converted.path, converted.digest, shapes=shapes)
