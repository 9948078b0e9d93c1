"""A completed run's policy, ready to act: found by its folder or label, built from what its record pins.

Imports torch only where a policy is built. Nothing is trained or written here.
"""

from __future__ import annotations

import glob
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rephase.errors import CheckpointError, InputMismatch, UsageError
from rephase.manifest import Phase
from rephase.manifest.algorithm import Variant
from rephase.manifest.hashing import short
from rephase.manifest.record import Record, read_record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from rephase.protocols import Policy, WorldModel

__all__ = ["acting", "find_run", "sees_no_padding", "trained_policy"]

_RECORD = "record.json"


def find_run(name: str, runs: Path) -> Path:
    """Return the folder of a completed run.

    Args:
        name: The folder itself, or the run's label, such as ``baseline/walker-stand/seed-42``.
        runs: Folder runs are kept in, for labels.

    Raises:
        UsageError: When there is no such run that is completed, or several phases have one of that label.
    """
    if (Path(name) / _RECORD).is_file():
        return Path(name)
    found = sorted(path.parent for path in runs.glob(f"*/{glob.escape(name)}/{_RECORD}"))
    if not found:
        raise UsageError(
            f"no completed run {name!r}",
            where=str(runs),
            remedy="name its folder or a label such as baseline/walker-stand/seed-42, as 'rephase status PHASE' shows",
        )
    if len(found) > 1:
        places = ", ".join(str(folder) for folder in found)
        raise UsageError(
            f"{len(found)} completed runs {name!r}", where=str(runs), remedy=f"name one's folder: {places}"
        )
    return found[0]


def trained_policy(folder: Path, project: Path) -> tuple[Record, Callable[[NDArray[np.float32]], NDArray[np.float32]]]:
    """Return a run's record and its deterministic policy.

    Args:
        folder: Folder of the completed run.
        project: The project it was run in.

    Returns:
        The record, and a function from observations (B, S) to actions in [-1, 1], (B, A).

    Raises:
        InvalidRecord: When the record was changed.
        InputMismatch: When the manifest, the world model or the policy is no longer the one of the record.
        CheckpointError: When the policy's file does not fit its part.
    """
    from rephase.engine.checkpoints import read_tensors
    from rephase.engine.learner import action_masks
    from rephase.plugins.registry import discover
    from rephase.reproduction.composing import build_policy, compose
    from rephase.reproduction.loading import load_world_model
    from rephase.reproduction.phases import open_phase, tasks_of

    record = read_record(folder / _RECORD)
    phase = open_phase(record.phase, record.scale, project)
    now = phase.config_digest(record.config) if record.config in phase.configs else ""
    if now != record.config_digest:
        raise InputMismatch(
            f"was run with config {record.config!r} as {short(record.config_digest)}, which is now "
            + (f"{short(now)}" if now else "not in the manifest"),
            where=str(folder / _RECORD),
            remedy="check out the commit its provenance names",
        )
    tasks = tasks_of(phase)
    composition = compose(phase, discover(phase.manifest.plugins), [record.config])[record.config]
    if record.world_model_file:
        world_model = load_world_model(
            composition, folder / record.world_model_file, record.world_model_sha256, tasks.spaces
        )
    else:
        source = phase.manifest.configs[record.config].world_model
        world_model = load_world_model(composition, phase.path_of(source), record.inputs[source], tasks.spaces)
    policy = build_policy(composition.policy, world_model.latent_size(), tasks.spaces.action)
    tensors, _ = read_tensors(folder / record.policy_file, record.policy_sha256)
    try:
        policy.load_state_dict(tensors)  # type: ignore[attr-defined]  # every policy is a torch module
    except RuntimeError as error:
        raise CheckpointError(f"does not fit its policy ({error})", where=str(folder / record.policy_file)) from error
    mask = action_masks(tasks.spaces) if sees_no_padding(phase, record.config) else None
    return record, acting(world_model, policy, tasks.find(record.task).index, mask)


def sees_no_padding(phase: Phase, config: str) -> bool:
    """Whether a config's world models see actions with their padding set to zero."""
    return phase.algorithm(config).variants.mask_actions is Variant.CORRECTED


def acting(
    world_model: WorldModel, policy: Policy, task: int, mask: Tensor | None = None
) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return the deterministic policy of a run, as a function from observations (B, S) to actions (B, A) in [-1, 1].

    Args:
        world_model: What makes latents of observations; one that remembers does so from the function's first call on.
        policy: The run's policy.
        task: Index of the run's task.
        mask: 1 where an action entry belongs to a task, (tasks, A), where the world model is to see no other.
    """
    import torch

    from rephase.engine.acting import Actors
    from rephase.engine.parts import SharedPart, StackedPart

    parts = SharedPart(cast("nn.Module", world_model), 1), StackedPart([cast("nn.Module", policy)])
    actors = Actors(*parts, torch.tensor([task]), mask)

    def act(observation: NDArray[np.float32]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = actors.act(torch.from_numpy(observation).unsqueeze(0))[0].numpy()
        return found

    return act
