"""A published ``.pt`` checkpoint into a safetensors file, once; afterwards only the safetensors file is read.

Names in the converted file are those of the parts here, after the part's own: ``world_model/_encoder.0.weight``,
``actor/...``, ``critic/...``, ``statistics/ret_rms/mean``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from attrs import frozen
from torch import Tensor

from rephase.engine.checkpoints import file_digest, read_metadata, read_tensors, write_tensors
from rephase.engine.official.layouts import OfficialCheckpoint, read_official
from rephase.engine.official.sizes import require_shapes
from rephase.engine.unpickling import verified
from rephase.errors import CheckpointError

__all__ = ["ConvertedCheckpoint", "convert_checkpoint", "read_part"]

_KIND = "rephase-official-checkpoint"
_VERSION = "1"


@frozen
class ConvertedCheckpoint:
    """A checkpoint as safetensors.

    Args:
        path: The safetensors file.
        digest: Its digest; the same for the same source on every machine.
        source_digest: Digest of the ``.pt`` file it was made from.
        layout: Layout of that file.
        parameters: Parameters of the world model.
        dropped: What the ``.pt`` file holds that was not converted.
    """

    path: Path
    digest: str
    source_digest: str
    layout: str
    parameters: int
    dropped: tuple[str, ...]


def convert_checkpoint(
    source: Path, digest: str, target: Path, shapes: Mapping[str, Sequence[int]]
) -> ConvertedCheckpoint:
    """Convert a checkpoint, or find that it is converted already.

    Args:
        source: The ``.pt`` file; needed, and its digest checked, even when ``target`` is there.
        digest: What its digest must be; nothing is read before it was checked.
        target: Where the safetensors file goes.
        shapes: Shape of every parameter of the world model the checkpoint is for.

    Returns:
        What was converted.

    Raises:
        InputMismatch: When ``source`` is missing or not the pinned file.
        CheckpointError: When it is no checkpoint of a known layout, or of a world model of other sizes.
    """
    file = verified(source, digest)
    if not _converted_from(target, digest):
        read = read_official(file)
        parameters = read.parts["world_model"]
        require_shapes({name: value.shape for name, value in parameters.items()}, shapes, str(source))
        _require_floats(parameters, str(source))
        write_tensors(target, _flat(read), _described(read, digest))
    metadata = read_metadata(target)
    return ConvertedCheckpoint(
        path=target,
        digest=file_digest(target),
        source_digest=digest,
        layout=metadata["layout"],
        parameters=int(metadata["parameters"]),
        dropped=tuple(json.loads(metadata["dropped"])),
    )


def read_part(
    path: Path, digest: str, part: str = "world_model", shapes: Mapping[str, Sequence[int]] | None = None
) -> dict[str, Tensor]:
    """Read the parameters of one part from a converted checkpoint.

    Args:
        path: The safetensors file.
        digest: What its digest must be.
        part: ``world_model``, ``actor``, ``critic`` or ``statistics``.
        shapes: Shape of every parameter, checked when given.

    Raises:
        InputMismatch: When the file is missing or not the pinned one.
        CheckpointError: When it has no such part, or one of other shapes.
    """
    tensors, _ = read_tensors(path, digest)
    prefix = f"{part}/"
    found = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    if not found:
        held = ", ".join(sorted({name.partition("/")[0] for name in tensors})) or "nothing"
        raise CheckpointError(
            f"holds no part {part!r} but {held}", where=str(path), remedy="convert a checkpoint that holds it"
        )
    if shapes is not None:
        require_shapes({name: value.shape for name, value in found.items()}, shapes, str(path))
    return found


def _converted_from(target: Path, digest: str) -> bool:
    if not target.is_file():
        return False
    try:
        metadata = read_metadata(target)
    except CheckpointError:
        return False
    return metadata.get("kind") == _KIND and metadata.get("version") == _VERSION and metadata.get("source") == digest


def _described(read: OfficialCheckpoint, digest: str) -> dict[str, str]:
    return {
        "kind": _KIND,
        "version": _VERSION,
        "source": digest,
        "layout": str(read.layout),
        "parameters": str(sum(value.numel() for value in read.parts["world_model"].values())),
        "dropped": json.dumps(read.dropped),
    }


def _flat(read: OfficialCheckpoint) -> dict[str, Tensor]:
    flat = {f"{part}/{name}": value for part, state in read.parts.items() for name, value in state.items()}
    for statistics, values in read.statistics.items():
        for name, value in values.items():
            flat[f"statistics/{statistics}/{name}"] = torch.as_tensor(value, dtype=torch.float64)
    return flat


def _require_floats(parameters: Mapping[str, Tensor], where: str) -> None:
    for name, value in sorted(parameters.items()):
        if value.dtype != torch.float32:
            kind = str(value.dtype).removeprefix("torch.")
            raise CheckpointError(f"{name} is {kind}, expected float32", where=where, remedy="give the original file")
        if not bool(value.isfinite().all()):
            raise CheckpointError(f"{name} is not finite", where=where, remedy="give a checkpoint that did not diverge")
