"""How far the finished world model can be trusted, measured on policies from seeds that none of its data came from."""

from __future__ import annotations

from typing import Any

import torch
from rephase_mlp.world_model import MLPWorldModel
from torch import Tensor

from recipe.extraction import begin
from recipe.settings import Heldout
from rephase.engine.cohort import Member
from rephase.engine.rewards import expectation, symexp
from rephase.environments import SUITE, TASKS, find_task
from rephase.reproduction.pretraining.episodes import RealEpisodes
from rephase.reproduction.pretraining.playing import play

__all__ = ["judge", "prediction_errors", "returns_table"]

_STRIDE = 5


def judge(model: MLPWorldModel, tasks: tuple[str, ...], starts: dict[int, Tensor], settings: Heldout) -> dict[str, Any]:
    """Extract policies from the held-out seeds, play them, and compare prediction with reality.

    Args:
        model: The world model.
        tasks: Names of the tasks.
        starts: Start observations by task index.
        settings: Seeds, episodes and steps.

    Returns:
        ``returns`` and ``prediction`` tables, ready for JSON.
    """
    members = [Member(find_task(task).index, seed) for task in tasks for seed in settings.seeds]
    cohort = begin(model, members, settings.extraction, settings.policy_units, starts)
    cohort.advance(settings.extraction.epochs)
    played = play(cohort, settings.episodes, [0.0] * settings.episodes, "held-out", SUITE)
    return {
        "returns": returns_table(members, played.returns, played.predicted),
        "prediction": {
            TASKS[task].name: prediction_errors(model, own, settings.steps) for task, own in played.episodes.items()
        },
    }


def returns_table(members: list[Member], real: Tensor, predicted: Tensor) -> list[dict[str, Any]]:
    """Real and predicted returns of each policy.

    Args:
        members: The R policies.
        real: (R, E).
        predicted: From the same first observations, (R, E).

    Returns:
        One row a policy; ``ratio`` is mean predicted over mean real return, None where the latter is 0.
    """
    rows = []
    for member, own, imagined in zip(members, real, predicted, strict=True):
        mean, guess = float(own.mean()), float(imagined.mean())
        rows.append(
            {
                "task": TASKS[member.task].name,
                "seed": member.seed,
                "real": [round(value, 1) for value in own.tolist()],
                "real_mean": round(mean, 1),
                "predicted_mean": round(guess, 1),
                "ratio": round(guess / mean, 3) if mean > 0 else None,
            }
        )
    return rows


@torch.no_grad()
def prediction_errors(model: MLPWorldModel, episodes: RealEpisodes, steps: tuple[int, ...]) -> list[dict[str, float]]:
    """Open-loop errors k agent steps ahead, over every fifth start of every episode.

    Args:
        model: The world model.
        episodes: Real episodes of one task.
        steps: The k, increasing.

    Returns:
        For each k: ``latent``, the mean squared error of the latent as a share of the latents' variance; ``reward``,
        the mean absolute error of the reward of step k (plain units, rewards lie in [0, 2]).
    """
    last = steps[-1]
    count, length = episodes.rewards.shape
    first = torch.arange(0, length - last, _STRIDE)
    task = torch.full((count * len(first),), episodes.task)
    model.constrain(task)
    truth = model.encode(episodes.observations.flatten(0, 1), torch.full((count * (length + 1),), episodes.task))
    truth = truth.unflatten(0, (count, length + 1))
    variance = truth.flatten(0, 1).var(0).mean()
    latent = truth[:, first].flatten(0, 1)
    rows = []
    for step in range(1, last + 1):
        action = episodes.actions[:, first + step - 1].flatten(0, 1)
        guess = symexp(expectation(model.reward(latent, action, task), model.reward_bins()))
        latent = model.next(latent, action, task)
        if step in steps:
            error = (latent - truth[:, first + step].flatten(0, 1)).square().mean() / variance
            miss = (guess - episodes.rewards[:, first + step - 1].flatten()).abs().mean()
            rows.append({"steps": step, "latent": round(float(error), 5), "reward": round(float(miss), 5)})
    return rows
