"""Rounds of fresh policies: extract them in the latest model, watch them in the real tasks, learn from that.

What a world model does not know is where its policies go. Each round extracts policies from seeds never used before,
plays them, and adds the episodes. Extraction and fit of one round run side by side in two processes, so round k acts
in the model of round k-1 and the fit of round k has seen the episodes up to round k-1; the result does not depend on
which of the two is faster.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from recipe.extraction import begin
from recipe.fitting import fit, load_model
from recipe.settings import Recipe, Rounds
from rephase.engine.cohort import Member
from rephase.environments import SUITE, find_task
from rephase.reproduction.pretraining.episodes import RealEpisodes, join
from rephase.reproduction.pretraining.playing import play, start_states

__all__ = ["block_of", "episodes_until", "model_path", "play_round", "run_rounds"]

_SEEDS_OF_A_ROUND = 100


def model_path(folder: Path, number: int) -> Path:
    """File of the world model after round ``number``; 0 is the fit on behaviour data alone."""
    return folder / f"model-{number:02d}.safetensors"


def block_of(recipe: Recipe, number: int) -> Rounds:
    """The block that round ``number``, from 1, belongs to."""
    last = 0
    for block in recipe.rounds:
        last += block.count
        if number <= last:
            return block
    raise ValueError(f"round {number} of {last}")


def episodes_until(folder: Path, number: int) -> dict[int, RealEpisodes]:
    """All episodes of the behaviour data and of the rounds up to ``number``, by task index."""
    paths = sorted(folder.glob("behaviour-*.safetensors"))
    for done in range(1, number + 1):
        paths += sorted(folder.glob(f"round-{done:02d}-*.safetensors"))
    return join(RealEpisodes.read(path) for path in paths)


def play_round(recipe: Recipe, folder: Path, number: int) -> None:
    """Extract and play the policies of round ``number``; does nothing if that was done.

    Args:
        recipe: The recipe.
        folder: Where everything lies.
        number: Number of the round, from 1.
    """
    done = folder / f"round-{number:02d}.json"
    if done.exists():
        return
    torch.set_num_threads(1)
    rounds = block_of(recipe, number)
    model = load_model(recipe.model, model_path(folder, number - 1))
    known = episodes_until(folder, number - 1)
    seed = recipe.seed + number
    members = [
        Member(find_task(task).index, _SEEDS_OF_A_ROUND * seed + policy)
        for task, policies in zip(recipe.tasks, rounds.policies, strict=True)
        for policy in range(policies)
    ]
    starts = start_states(known, recipe.packing.start_states, seed)
    noise = [0.0] + [rounds.noise[index % len(rounds.noise)] for index in range(rounds.episodes - 1)]
    cohort = begin(model, members, rounds.extraction, rounds.policy_units, starts)
    found: list[dict[int, RealEpisodes]] = []
    table = []
    for epochs in rounds.played_after:
        cohort.advance(epochs - cohort.epoch)
        name = "round" if epochs == rounds.extraction.epochs else f"round/{epochs}"
        played = play(cohort, rounds.episodes, noise, name, SUITE)
        found.append(played.episodes)
        for task in recipe.tasks:
            rows = [row for row, member in enumerate(members) if member.task == find_task(task).index]
            table.append(
                {
                    "task": task,
                    "epochs": epochs,
                    "returns": [round(value, 1) for value in played.returns[rows, 0].tolist()],
                    "predicted": [round(value, 1) for value in played.predicted[rows, 0].tolist()],
                }
            )
    for task, own in join(part for parts in found for part in parts.values()).items():
        own.write(folder / f"round-{number:02d}-{task:02d}.safetensors", source=f"round {number}")
    done.write_text(json.dumps(table, indent=2, sort_keys=True) + "\n")
    for row in table:
        who = f"round {number}, {row['task']}, {row['epochs']} epochs"
        print(f"{who}: real {row['returns']}, predicted {row['predicted']}", flush=True)


def run_rounds(recipe: Recipe, folder: Path, say: Callable[[str], None] = print) -> Path:
    """Run all rounds that are not done yet.

    Args:
        recipe: The recipe.
        folder: Where everything lies; must hold the behaviour data and model 0.
        say: Gets one line a round.

    Returns:
        File of the last round's world model.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as other:
        for number in range(1, recipe.round_count + 1):
            block = block_of(recipe, number)
            playing = other.submit(play_round, recipe, folder, number)
            fit(
                recipe,
                model_path(folder, number - 1),
                episodes_until(folder, number - 1),
                block.fit,
                block.shares,
                recipe.seed + number,
                model_path(folder, number),
            )
            playing.result()
            say(f"round {number} of {recipe.round_count} done")
    return model_path(folder, recipe.round_count)
