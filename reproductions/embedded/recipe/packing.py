"""Puts what a user needs into the assets folder: model, start states, episodes, report, and where it all came from."""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cattrs
import torch

from recipe.settings import Recipe
from rephase.engine.checkpoints import read_tensors, write_tensors
from rephase.environments import TASKS
from rephase.reproduction.pretraining.episodes import RealEpisodes
from rephase.reproduction.pretraining.playing import start_states

__all__ = ["pack", "statistics"]

_DISTRIBUTIONS = ("rephase", "rephase-mlp", "torch", "stable-baselines3", "mujoco", "dm_control", "numpy")


def pack(
    recipe: Recipe,
    model: Path,
    episodes: dict[int, RealEpisodes],
    report: dict[str, Any],
    wall: dict[str, float],
    out: Path,
) -> dict[str, str]:
    """Write every asset.

    Args:
        recipe: The recipe that was followed.
        model: File of the finished world model.
        episodes: All the data there is, oldest first.
        report: What `recipe.heldout` found.
        wall: Seconds each stage took.
        out: Folder the assets go to.

    Returns:
        Digest of each safetensors file, by file name.
    """
    starts = start_states(episodes, recipe.packing.start_states, recipe.seed)
    digests = {
        "world_model.safetensors": write_tensors(
            out / "world_model.safetensors",
            read_tensors(model)[0],
            {"world_model": "mlp", "sizes": json.dumps(cattrs.unstructure(recipe.model), sort_keys=True)},
        ),
        "start_states.safetensors": write_tensors(
            out / "start_states.safetensors",
            {
                "observations": torch.cat(list(starts.values())),
                "tasks": torch.cat([torch.full((len(rows),), task) for task, rows in starts.items()]),
            },
        ),
    }
    for task, own in episodes.items():
        name = f"episodes-{TASKS[task].name}.safetensors"
        chosen = torch.linspace(0, len(own) - 1, min(len(own), recipe.packing.episodes)).round().long()
        kept = RealEpisodes(task, own.observations[chosen], own.actions[chosen], own.rewards[chosen])
        digests[name] = kept.write(out / name)
    provenance = {
        "recipe": cattrs.unstructure(recipe),
        "versions": _versions(),
        "machine": {"processor": platform.machine(), "system": platform.system(), "python": platform.python_version()},
        "wall_seconds": {name: round(seconds) for name, seconds in wall.items()},
        "data": statistics(episodes),
        "digests": digests,
    }
    for name, content in (("provenance.json", provenance), ("report.json", report)):
        (out / name).write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
    return digests


def statistics(episodes: dict[int, RealEpisodes]) -> dict[str, dict[str, float]]:
    """How many episodes of each task there are and how good they are, by task name."""
    return {
        TASKS[task].name: {
            "episodes": len(own),
            "transitions": own.rewards.numel(),
            "worst_return": round(float(own.returns.min()), 1),
            "median_return": round(float(own.returns.median()), 1),
            "best_return": round(float(own.returns.max()), 1),
        }
        for task, own in episodes.items()
    }


def _versions() -> dict[str, str]:
    """Versions of what the assets were made with; the agents' library is not there when their episodes were kept."""
    found = {}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
