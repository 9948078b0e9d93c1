"""Fits of the world model that survive an interruption."""

from __future__ import annotations

from pathlib import Path

from rephase_mlp.offers import MLPWorldModelConfig
from rephase_mlp.world_model import MLPWorldModel

from recipe.settings import Recipe
from rephase.engine.checkpoints import read_tensors
from rephase.engine.pretraining import Pretraining
from rephase.engine.seeding import stream
from rephase.environments import SPACES, find_task
from rephase.reproduction.pretraining.episodes import RealEpisodes, pool
from rephase.reproduction.pretraining.fitting import fit_world_model

__all__ = ["fit", "load_model"]


def load_model(config: MLPWorldModelConfig, path: Path) -> MLPWorldModel:
    """The world model a file holds."""
    model = MLPWorldModel(config, SPACES)
    model.load_state_dict(read_tensors(path)[0])
    return model


def fit(
    recipe: Recipe,
    start: Path | None,
    episodes: dict[int, RealEpisodes],
    settings: Pretraining,
    shares: tuple[float, ...],
    seed: int,
    path: Path,
) -> None:
    """Fit a world model and write it to ``path``; does nothing if that is there, goes on if it was interrupted.

    Args:
        recipe: Sizes of the world model, and the tasks.
        start: File of the model to start from; None starts from fresh weights.
        episodes: The data, by task index.
        settings: How to fit.
        shares: Part of the slices that is each task's, in the order of the recipe's tasks.
        seed: Seed of the fresh weights and of the slices.
        path: File the world model goes to; its progress lies beside it until it is done.
    """
    if path.exists():
        return
    if start is None:
        model = MLPWorldModel(recipe.model, SPACES)
        model.initialise(stream(seed, "world-model"))
    else:
        model = load_model(recipe.model, start)
    parts = {find_task(name).index: share for name, share in zip(recipe.tasks, shares, strict=True)}
    fit_world_model(model, pool(episodes, parts), settings, SPACES, stream(seed, "slices"), path, _say)


def _say(line: str) -> None:
    print(line, flush=True)
