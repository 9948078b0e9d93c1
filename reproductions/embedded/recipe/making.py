"""The recipe from beginning to end; every stage that is done is skipped."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import torch

from recipe.fitting import fit, load_model
from recipe.heldout import judge
from recipe.packing import pack
from recipe.rounds import episodes_until, model_path, run_rounds
from recipe.settings import Recipe
from rephase.reproduction.pretraining.playing import start_states

__all__ = ["make_assets"]


def make_assets(recipe: Recipe, folder: Path, out: Path) -> None:
    """Follow the recipe, or go on with it.

    Args:
        recipe: The recipe.
        folder: Where unfinished work lies; delete it to begin anew.
        out: Where the assets go.
    """
    folder.mkdir(parents=True, exist_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    clock = _Clock(folder / "seconds.json")
    with clock.measure("behaviour"):
        _collect_all(recipe, folder)
    with clock.measure("first fit"):
        first = model_path(folder, 0)
        fit(recipe, None, episodes_until(folder, 0), recipe.first_fit, recipe.rounds[0].shares, recipe.seed, first)
    with clock.measure("rounds"):
        latest = run_rounds(recipe, folder)
    episodes = episodes_until(folder, recipe.round_count)
    final = folder / "model-final.safetensors"
    with clock.measure("final fit"):
        torch.set_num_threads(recipe.threads)
        fit(recipe, latest, episodes, recipe.final_fit, recipe.rounds[-1].shares, recipe.seed - 1, final)
    with clock.measure("held-out report"):
        starts = start_states(episodes, recipe.packing.start_states, recipe.seed)
        report = judge(load_model(recipe.model, final), recipe.tasks, starts, recipe.heldout)
    pack(recipe, final, episodes, report, clock.seconds, out)


def _collect_all(recipe: Recipe, folder: Path) -> None:
    missing = [
        (behaviour, path)
        for behaviour in recipe.behaviour
        if not (path := folder / f"behaviour-{behaviour.task}-{behaviour.seed}.safetensors").exists()
    ]
    if not missing:
        return
    # Only this stage needs the model-free learner's library.
    from recipe.behaviour import collect

    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=2, mp_context=context) as processes:
        waiting = [processes.submit(collect, behaviour, path) for behaviour, path in missing]
        for done in waiting:
            done.result()


class _Clock:
    """Seconds of each stage, summed over interruptions."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.seconds: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.monotonic() - started
            self._path.write_text(json.dumps(self.seconds, indent=2, sort_keys=True) + "\n")
