"""Which replay a file wants, by the quantities it holds, and the replay of a whole folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from rephase.errors import CannotRunHere, UsageError
from rephase.manifest.vectors import Check
from rephase.plugins.registry import Registry
from rephase.vectors import parts, updates
from rephase.vectors.builders import Builder
from rephase.vectors.file import ReferenceFile

__all__ = ["replay_file", "replay_folder"]

_KINDS: tuple[tuple[str, Callable[[ReferenceFile, Builder], parts.Found]], ...] = (
    ("in/update0/obs", updates.replay_updates),
    ("in/call0/obs", updates.replay_policy_loss),
    ("in/obs_seq", parts.replay_world_model),
    ("in/z_target", parts.replay_flow_matching),
    ("in/rew", parts.replay_model_loss),
    ("params/actor/logstd", parts.replay_gaussian_policy),
    ("params/actor/init_logstd", parts.replay_flow_policy),
    ("in/batch_target", parts.replay_critic),
    ("in/epochs", parts.replay_schedule),
    ("in/rms_x0", parts.replay_schedule),
)
"""The first key a file holds decides; targets differ from losses by their results."""


def replay_folder(folder: Path, registry: Registry, dtype: torch.dtype, device: str = "cpu") -> tuple[Check, ...]:
    """Replay every ``.npz`` file of a folder.

    Args:
        folder: Where the files are.
        registry: The installed plugins.
        dtype: float32 or float64.
        device: ``cpu`` or ``cuda``.

    Returns:
        One check for each expected quantity, files in order of name.

    Raises:
        UsageError: There are no files, or one is not of the format.
        CannotRunHere: The device is not here.
    """
    if device != "cpu" and not torch.cuda.is_available():
        raise CannotRunHere(f"no {device} device is here", remedy="leave --device out to compute on the CPU")
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise UsageError("holds no .npz files", where=str(folder), remedy="name a folder of reference files")
    return tuple(check for path in files for check in replay_file(path, registry, dtype, device))


def replay_file(path: Path, registry: Registry, dtype: torch.dtype, device: str = "cpu") -> list[Check]:
    """Replay one reference file; arguments and errors as for `replay_folder`."""
    file = ReferenceFile(path, dtype, device)
    replay = _replay_of(file)
    try:
        return file.compare(replay(file, Builder(file, registry)))
    except (IndexError, RuntimeError, ValueError) as error:
        # What torch raises when shapes, indices or settings of a file contradict each other.
        first = str(error.args[0] if error.args else error).strip().partition("\n")[0]
        raise UsageError(
            f"holds arrays or settings that do not fit together ({first})",
            where=str(path),
            remedy="fetch the file again, or make it anew",
        ) from error


def _replay_of(file: ReferenceFile) -> Callable[[ReferenceFile, Builder], parts.Found]:
    if file.matching(r"(td-lambda|one-step)/.+"):
        return parts.replay_targets
    for key, replay in _KINDS:
        if file.has(key):
            return replay
    raise UsageError(
        "is no kind of reference file this version knows", where=file.name, remedy="keep other files elsewhere"
    )
