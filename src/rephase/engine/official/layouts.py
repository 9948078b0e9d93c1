"""The two known layouts of PWM and TD-MPC2 checkpoint files, and which of their names mean what here.

`TD_MPC2`: a table with ``model``, the state of a whole TD-MPC2 agent, of which the world model is a part; the policy
prior and the Q functions are dropped, as PWM does. `PWM`: a table with ``world_model``, ``actor`` and ``critic``,
optimiser states and running statistics; the optimisers are dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from attrs import frozen
from torch import Tensor

from rephase.engine.unpickling import StandIn, VerifiedFile, load, unknown_names
from rephase.errors import CheckpointError

__all__ = ["Layout", "OfficialCheckpoint", "read_official"]

_STATISTICS_CLASS = "RunningMeanStd"
_STATISTICS = ("obs_rms", "rew_rms", "ret_rms")
_OPTIMISERS = ("actor_opt", "critic_opt", "world_model_opt")
_PARTS = ("world_model", "actor", "critic")
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
        parts: Parameters by name, by part: ``world_model`` always, ``actor`` and ``critic`` where the file has them.
        statistics: Running statistics: ``mean``, ``var`` and ``count`` by name of the statistics.
        dropped: What the file holds beside that, as prefixes of names, sorted.
    """

    layout: Layout
    parts: Mapping[str, Mapping[str, Tensor]]
    statistics: Mapping[str, Mapping[str, Tensor | float]]
    dropped: tuple[str, ...]


class _Statistics:
    """Stands in for PWM's running statistics: keeps their values and can do nothing."""


def read_official(file: VerifiedFile) -> OfficialCheckpoint:
    """Read a checkpoint file of either layout.

    Raises:
        CheckpointError: When it is damaged, of another layout, or names code beside running statistics.
        InputMismatch: When it changed since its digest was checked.
    """
    where = str(file.path)
    stand_ins: list[StandIn] = [
        (_Statistics, name) for name in unknown_names(file) if name.rpartition(".")[2] == _STATISTICS_CLASS
    ]
    loaded = load(file, stand_ins, CheckpointError)
    if isinstance(loaded, Mapping):
        if isinstance(loaded.get("model"), Mapping):
            return _td_mpc2(loaded, where)
        if isinstance(loaded.get("world_model"), Mapping):
            return _pwm(loaded, where)
    held = ", ".join(sorted(map(str, loaded))) if isinstance(loaded, Mapping) else f"a {type(loaded).__name__}"
    raise CheckpointError(
        f"holds {held or 'nothing'}, expected a table with 'model' (TD-MPC2) or 'world_model' (PWM)",
        where=where,
        remedy="give a multitask checkpoint of TD-MPC2 or PWM",
    )


def _td_mpc2(loaded: Mapping[str, Any], where: str) -> OfficialCheckpoint:
    kept: dict[str, Tensor] = {}
    dropped: set[str] = {str(name) for name in loaded if name != "model"}
    for name, value in loaded["model"].items():
        first = name.partition(".")[0]
        if "_pi" in first or "_Qs" in first or first in _NOT_OURS:
            dropped.add(first)
        else:
            kept[_renamed(name)] = _tensor(value, name, where)
    return OfficialCheckpoint(Layout.TD_MPC2, {"world_model": kept}, {}, tuple(sorted(dropped)))


def _pwm(loaded: Mapping[str, Any], where: str) -> OfficialCheckpoint:
    parts: dict[str, dict[str, Tensor]] = {}
    for part in _PARTS:
        state = loaded.get(part, {})
        if not isinstance(state, Mapping):
            raise _odd(part, state, where)
        if state:
            parts[part] = {_renamed(name): _tensor(value, f"{part}.{name}", where) for name, value in state.items()}
    statistics = {name: _values(loaded[name], name, where) for name in _STATISTICS if loaded.get(name) is not None}
    known = {*_PARTS, *_STATISTICS}
    unknown = sorted(set(map(str, loaded)) - known - set(_OPTIMISERS))
    if unknown:
        raise CheckpointError(
            f"holds {', '.join(unknown)}, which no known checkpoint has",
            where=where,
            remedy="give a checkpoint that PWM wrote",
        )
    return OfficialCheckpoint(Layout.PWM, parts, statistics, tuple(sorted(set(loaded) & set(_OPTIMISERS))))


def _renamed(name: str) -> str:
    """TD-MPC2 has one encoder for each kind of observation; states are the only kind here."""
    return name.replace("_encoder.state.", "_encoder.", 1)


def _values(found: Any, name: str, where: str) -> dict[str, Tensor | float]:
    state = vars(found) if isinstance(found, _Statistics) else None
    values = {key: (state or {}).get(key) for key in ("mean", "var", "count")}
    if any(isinstance(value, bool) or not isinstance(value, (Tensor, int, float)) for value in values.values()):
        raise _odd(name, found, where)
    return {key: value for key, value in values.items() if value is not None}


def _tensor(value: Any, name: str, where: str) -> Tensor:
    if not isinstance(value, Tensor):
        raise _odd(name, value, where)
    return value


def _odd(name: str, value: Any, where: str) -> CheckpointError:
    kind = type(value).__name__.lstrip("_")
    return CheckpointError(
        f"{name} is a {kind}, expected what a checkpoint of PWM or TD-MPC2 has there",
        where=where,
        remedy="give a checkpoint that one of them wrote",
    )
