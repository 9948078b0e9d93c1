"""Checkpoint files of the published layouts, of any size and made up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rephase.engine.networks import tower

TASKS = 30
SMALL = {"latent": 16, "encoder": (24,), "units": (20, 20), "task": 8}
LOGGED = {"latent": 768, "encoder": (1792, 1792, 1792), "units": (1792, 1792), "task": 64}
"""The log's sizes."""


def shapes(
    latent: int, encoder: Sequence[int], units: Sequence[int], task: int, *, flow: bool = False, bins: int = 101
) -> dict[str, tuple[int, ...]]:
    """Parameter shapes of a world model with 24 observations and 6 actions."""
    joint = latent + task + 6
    with torch.device("meta"):
        parts: dict[str, nn.Module] = {
            "_task_emb": nn.Embedding(TASKS, task),
            "_encoder": tower(24 + task, encoder, latent, 8),
            "_reward": tower(joint, units, bins, None),
        }
        if flow:
            parts["_velocity"] = tower(joint + 1, units, latent, 8)
        else:
            parts["_dynamics"] = tower(joint, units, latent, 8)
    return {
        f"{part}.{name}": tuple(value.shape)
        for part, module in parts.items()
        for name, value in module.state_dict().items()
    }


def values(of: dict[str, tuple[int, ...]], seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=generator) for name, shape in of.items()}


def td_mpc2(world_model: dict[str, Tensor], sizes: dict[str, Any], *, newer: bool = False) -> dict[str, Any]:
    """What TD-MPC2 saves: the whole agent under ``model``, policy prior, Q functions and all."""
    joint, units = sizes["latent"] + sizes["task"] + 6, sizes["units"]
    state: dict[str, Any] = {name.replace("_encoder.", "_encoder.state."): value for name, value in world_model.items()}
    prior = tower(sizes["latent"] + sizes["task"], units, 12, None).state_dict()
    state |= {f"_pi.{name}": value for name, value in prior.items()}
    q_function = tower(joint, units, 101, None).state_dict()
    for prefix in ("_Qs", "_target_Qs"):
        stacked = {name: value.expand(5, *value.shape).clone() for name, value in q_function.items()}
        if newer:
            prefix = {"_Qs": "_Qs.params", "_target_Qs": "_target_Qs_params"}[prefix]
            state |= {f"{prefix}.{name}": value for name, value in stacked.items()}
            state[f"{prefix}.__batch_size"] = torch.Size([5])
            state[f"{prefix}.__device"] = torch.device("cpu")
        else:
            state |= {f"{prefix}.params.{place}": value for place, value in enumerate(stacked.values())}
    if newer:
        state |= {f"_detach_Qs_params.{name}": value for name, value in q_function.items()}
        state |= {"log_std_min": torch.tensor(-10.0), "log_std_dif": torch.tensor(12.0)}
    state["_action_masks"] = torch.ones(TASKS, 6)
    return {"model": state}


class RunningMeanStd:
    """Answers to PWM's name while a file is written."""

    def __init__(self) -> None:
        self.shape = (1,)
        self.mean, self.var, self.count = torch.tensor([1.5]), torch.tensor([2.5]), 8192.0001


RunningMeanStd.__module__ = "pwm.utils.running_mean_std"


def pwm(world_model: dict[str, Tensor]) -> dict[str, Any]:
    """What PWM saves: its three parts, their optimisers and running statistics."""
    actor = nn.Linear(3, 2)
    optimiser = torch.optim.Adam(actor.parameters())
    actor(torch.ones(3)).sum().backward()
    optimiser.step()
    return {
        "actor": actor.state_dict(),
        "critic": {"params.0": torch.ones(3, 4, 2)},
        "world_model": world_model,
        "obs_rms": None,
        "rew_rms": None,
        "ret_rms": RunningMeanStd(),
        "actor_opt": optimiser.state_dict(),
        "critic_opt": optimiser.state_dict(),
        "world_model_opt": optimiser.state_dict(),
    }


def save(path: Path, content: Any) -> str:
    """Write a file as its authors' code would, and return its digest."""
    import sys
    from types import ModuleType

    from rephase.manifest.hashing import file_digest

    names = ["pwm", "pwm.utils", "pwm.utils.running_mean_std"]
    modules = {name: ModuleType(name) for name in names}
    modules[names[-1]].RunningMeanStd = RunningMeanStd  # type: ignore[attr-defined]
    sys.modules.update(modules)
    try:
        torch.save(content, path)
    finally:
        for name in names:
            del sys.modules[name]
    return file_digest(path)
