"""The two known layouts of PWM and TD-MPC2 checkpoint files, and which of their names mean what here.

`TD_MPC2`: a table with ``model``, the state of a whole TD-MPC2 agent, of which the world model is a part; the policy
prior and the Q functions are dropped, as PWM does. `PWM`: a table with ``world_model``, and beside it ``actor``,
``critic``, optimisers, statistics, counters and settings. Whatever stands beside the world model is dropped unread.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from attrs import frozen

from rephase.engine.archive import Inert, StoredTensor, read_archive
from rephase.engine.unpickling import VerifiedFile
from rephase.errors import CheckpointError

__all__ = ["Layout", "OfficialCheckpoint", "read_official"]

_WRAPPERS = frozenset({"_orig_mod", "module"})
"""What `torch.compile` and data-parallel training put into names, at any depth."""

_NOT_OURS = ("_action_masks", "_termination", "log_std_min", "log_std_dif")


class Layout(StrEnum):
    """Which of the known layouts a file has."""

    TD_MPC2 = "td-mpc2"
    PWM = "pwm"


@frozen(eq=False)
class OfficialCheckpoint:
    """What was read from a checkpoint file, tensors still on the disk.

    Args:
        layout: The file's layout.
        world_model: Parameters of the world model by name.
        dropped: What the file holds beside that, as first parts of names, sorted.
    """

    layout: Layout
    world_model: Mapping[str, StoredTensor]
    dropped: tuple[str, ...]


def read_official(file: VerifiedFile) -> OfficialCheckpoint:
    """Read a checkpoint file of either layout.

    Raises:
        CheckpointError: When it is damaged, of another layout, or names what runs programs.
        InputMismatch: When it changed since its digest was checked.
    """
    where = str(file.path)
    loaded = read_archive(file)
    if isinstance(loaded, Mapping):
        for layout, key in ((Layout.TD_MPC2, "model"), (Layout.PWM, "world_model")):
            if isinstance(loaded.get(key), Mapping):
                return _sorted_out(layout, loaded[key], {str(name) for name in loaded if name != key}, where)
    held = ", ".join(sorted(map(str, loaded))) if isinstance(loaded, Mapping) else f"a {type(loaded).__name__}"
    raise CheckpointError(
        f"holds {held or 'nothing'}, expected a table with 'model' (TD-MPC2) or 'world_model' (PWM)",
        where=where,
        remedy="give a multitask checkpoint of TD-MPC2 or PWM",
    )


def _sorted_out(layout: Layout, state: Mapping[Any, Any], dropped: set[str], where: str) -> OfficialCheckpoint:
    kept: dict[str, StoredTensor] = {}
    for written, value in state.items():
        name = _renamed(str(written))
        first = name.partition(".")[0]
        if "_pi" in first or "_Qs" in first or first in _NOT_OURS:
            dropped.add(first)
        elif not isinstance(value, StoredTensor):
            kind = str(value) if isinstance(value, Inert) else f"a {type(value).__name__}"
            raise CheckpointError(
                f"{written} is {kind}, expected a tensor", where=where, remedy="give a checkpoint of PWM or TD-MPC2"
            )
        elif name in kept:
            raise CheckpointError(
                f"holds {name} twice, once as {written}", where=where, remedy="save the model without its wrapper"
            )
        else:
            kept[name] = value
    return OfficialCheckpoint(layout, kept, tuple(sorted(dropped)))


def _renamed(name: str) -> str:
    """The name without wrappers; TD-MPC2 has one encoder for each kind of observation, and states are the only one."""
    bare = ".".join(part for part in name.split(".") if part not in _WRAPPERS)
    return bare.replace("_encoder.state.", "_encoder.", 1)
