"""A fit of a world model that survives an interruption."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from rephase.engine.checkpoints import read_tensors, write_tensors
from rephase.engine.pretraining import EpisodePool, Pretrainer, Pretraining
from rephase.protocols import Spaces, WorldModel

__all__ = ["fit_world_model"]

_STEPS_BETWEEN_SAVES = 250


def fit_world_model(
    model: WorldModel,
    pool: EpisodePool,
    settings: Pretraining,
    spaces: Spaces,
    generator: torch.Generator,
    path: Path,
    say: Callable[[str], None],
) -> None:
    """Fit a world model and write it to ``path``; goes on where it was interrupted.

    Args:
        model: The model as it is to begin with; trained in place.
        pool: The episodes.
        settings: How to fit.
        spaces: Sizes that the tasks share.
        generator: Source of all slices.
        path: File the world model goes to; its progress lies beside it until it is done.
        say: Called with a line every 250 updates.
    """
    assert isinstance(model, nn.Module)
    trainer = Pretrainer(model, pool, settings, spaces, generator)
    progress = path.with_suffix(".progress.safetensors")
    if progress.exists():
        trainer.load_state_dict(read_tensors(progress)[0])
    while trainer.step < settings.steps:
        loss = trainer.advance(_STEPS_BETWEEN_SAVES)
        assert loss is not None
        write_tensors(progress, trainer.state_dict())
        say(
            f"{path.stem}: step {trainer.step} of {settings.steps}, "
            f"dynamics {float(loss.dynamics):.5f}, reward {float(loss.reward):.4f}"
        )
    write_tensors(path, {name: value.detach() for name, value in model.state_dict().items()})
    progress.unlink(missing_ok=True)
