"""What a checkpoint of a group is of, so that no other is taken for it, and its content's digest.

A group goes on only from a state that the same manifest, inputs, code and libraries left, and that is still what was
written. Anything else would train a mixture that no record could name.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rephase.engine.checkpoints import read_tensors
from rephase.errors import CheckpointError
from rephase.manifest import Phase, Run
from rephase.reproduction.provenance import code_digest
from rephase.reproduction.software import software

__all__ = ["content_digest", "identity_of", "read_state", "require_identity"]

_WORDS = {
    "manifest": "manifest",
    "config": "configuration",
    "inputs": "input files",
    "runs": "runs",
    "code": "code of rephase",
    "software": "libraries",
    "content": "content",
}


def identity_of(phase: Phase, config: str, runs: Sequence[Run], inputs: Mapping[str, str]) -> dict[str, Any]:
    """Everything a group's state depends on apart from its own content, as JSON values.

    Args:
        phase: The phase.
        config: Name of the config.
        runs: The runs trained together, in order.
        inputs: Digest of each input.
    """
    return {
        "manifest": phase.digest,
        "config": phase.config_digest(config),
        "inputs": {name: inputs[name] for name in sorted(phase.inputs_of(config)) if name in inputs},
        "runs": [run.label for run in runs],
        "code": code_digest(),
        "software": software(),
    }


def content_digest(tensors: Mapping[str, Tensor]) -> str:
    """Digest of tensors by name, type, shape and every byte; the same wherever they lie.

    Args:
        tensors: Of any shape, by name.

    Returns:
        ``sha256:`` and 64 hex digits.
    """
    found = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        found.update(f"{name}\0{value.dtype}\0{tuple(value.shape)}\0".encode())
        found.update(value.reshape(-1).view(torch.uint8).numpy().data if value.numel() else b"")
    return f"sha256:{found.hexdigest()}"


def read_state(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a checkpoint's tensors and what it says of itself.

    Raises:
        CheckpointError: It is no whole file; it says how to begin again.
    """
    try:
        return read_tensors(path)
    except CheckpointError as error:
        raise CheckpointError(error.problem, where=error.where, remedy=_remedy(path)) from error


def require_identity(path: Path, expected: Mapping[str, Any], kept: Mapping[str, Any]) -> None:
    """Refuse a checkpoint that is of something else, or no longer what was written.

    Args:
        path: Where it lies.
        expected: What it must be of.
        kept: What it says, and its content's digest.

    Raises:
        CheckpointError: They differ; it says in what, and how to begin again.
    """
    plain = json.loads(json.dumps(dict(expected)))
    differing = [words for name, words in _WORDS.items() if name in plain and kept.get(name) != plain[name]]
    if differing:
        raise CheckpointError(
            f"this checkpoint is not of these runs as they would be trained now: other {', '.join(differing)}",
            where=str(path),
            remedy=_remedy(path),
        )


def _remedy(path: Path) -> str:
    return f"begin again with: rm {shlex.quote(str(path))}"
