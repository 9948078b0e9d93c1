"""Fits the four world models of the factorial: one recipe, one budget, the shipped episodes, no more and no less.

Everything that is not the model itself is the same for all: episodes, number and size of updates, learning rates and
seeds. The last ten episodes of each task are held out, and the provenance says how far each model is off on them. Run
it from the project's folder; it writes beside itself.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch
from attrs import asdict
from torch import Tensor

from rephase.engine.checkpoints import file_digest, read_tensors, write_tensors
from rephase.engine.pretraining import EpisodePool, Pretrainer, Pretraining
from rephase.engine.rewards import expectation, symexp
from rephase.engine.seeding import stream
from rephase.environments import SPACES, find_task
from rephase.manifest import read_phase
from rephase.plugins.registry import discover
from rephase.protocols import Calibrated, WorldModel
from rephase.reproduction.composing import build_world_model, compose
from rephase.runtime.arithmetic import is_started, restart, why_not

HERE = Path(__file__).parent
TASKS = ("reacher-easy", "walker-stand", "cheetah-run")
FILES = {task: HERE.parent / f"embedded/episodes-{task}.safetensors" for task in TASKS}
CONFIGS = {
    "mlp-standardised": "mlp-mlp",
    "flow-standardised": "flow-mlp",
    "mlp-learned": "learned-mlp-mlp",
    "flow-learned": "learned-flow-mlp",
}
HELD_OUT = 10
AHEAD = (1, 5)
SEED = 20_250
SETTINGS = Pretraining(steps=6_000, batch_size=128, horizon=3, first_lr=2e-3, warmup=100, reward_weight=1.0)
REPORT_EVERY = 500
STANDS_STILL = 1e-6
"""Deviation below which an entry is left as it is: padding, and what never moves."""


def make(out: Path, settings: Pretraining = SETTINGS) -> dict[str, object]:
    """Fit the models and write them with their provenance.

    Args:
        out: Folder for ``world_model-KIND.safetensors`` of each kind in `CONFIGS`, and for ``provenance.json``.
        settings: The budget.

    Returns:
        The provenance.
    """
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as processes:
        fits = {kind: processes.submit(_fit, kind, settings, out) for kind in CONFIGS}
        models = {kind: fit.result() for kind, fit in fits.items()}
    provenance: dict[str, object] = {
        "arithmetic": "portable" if is_started() else "native",
        "episodes": {task: file_digest(path) for task, path in FILES.items()},
        "seed": SEED,
        "settings": asdict(settings),
        "world_models": models,
    }
    (out / "provenance.json").write_text(json.dumps(provenance, indent=2, sort_keys=True) + "\n")
    return provenance


def _fit(kind: str, settings: Pretraining, out: Path) -> dict[str, object]:
    torch.set_num_threads(1)
    phase = read_phase(HERE / "embedded.toml")
    episodes = {find_task(task).index: read_tensors(path)[0] for task, path in FILES.items()}
    kept = {task: {part: value[:-HELD_OUT] for part, value in own.items()} for task, own in episodes.items()}
    parts = ("observations", "actions", "rewards")
    pool = EpisodePool(*({task: own[part] for task, own in kept.items()} for part in parts))
    composition = compose(phase, discover(phase.manifest.plugins), [CONFIGS[kind]])[CONFIGS[kind]]
    model = build_world_model(composition.world_model, SPACES)
    assert isinstance(model, torch.nn.Module)
    model.initialise(stream(SEED, "world-model"))
    if isinstance(model, Calibrated):
        for task, own in kept.items():
            observation = own["observations"].flatten(0, 1)
            deviation = observation.std(0)
            model.calibrate(observation.mean(0), torch.where(deviation > STANDS_STILL, deviation, 1.0), task)
    trainer = Pretrainer(model, pool, settings, SPACES, stream(SEED, "slices"))
    began = time.process_time()
    losses = {}
    while trainer.step < settings.steps:
        loss = trainer.advance(REPORT_EVERY)
        assert loss is not None
        losses[str(trainer.step)] = {"dynamics": float(loss.dynamics), "reward": float(loss.reward)}
        print(f"{kind}: step {trainer.step}, {losses[str(trainer.step)]}", flush=True)
    digest = write_tensors(
        out / f"world_model-{kind}.safetensors", {name: value.detach() for name, value in model.state_dict().items()}
    )
    return {
        "cpu_seconds": round(time.process_time() - began),
        "held_out": {name: _errors(model, find_task(name).index, episodes[find_task(name).index]) for name in FILES},
        "losses": losses,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "sha256": digest,
    }


@torch.no_grad()
def _errors(model: WorldModel, index: int, episodes: Mapping[str, Tensor]) -> list[dict[str, float]]:
    """Open-loop errors on the held-out episodes, from every fifth step of each.

    Returns:
        For each number of steps ahead, ``unexplained``: squared error of the predicted latent as a share of the
        squared displacement from where it started; ``reward``: mean absolute error of that step's reward, plain units.
    """
    observation, action, reward = (episodes[part][-HELD_OUT:] for part in ("observations", "actions", "rewards"))
    count, length = reward.shape
    first = torch.arange(0, length - AHEAD[-1], 5)
    task = torch.full((count * len(first),), index)
    truth = model.encode(observation.flatten(0, 1), torch.full((count * (length + 1),), index))
    truth = truth.unflatten(0, (count, length + 1))
    start = latent = truth[:, first].flatten(0, 1)
    rows = []
    for step in range(1, AHEAD[-1] + 1):
        taken = action[:, first + step - 1].flatten(0, 1)
        promised = symexp(expectation(model.reward(latent, taken, task), model.reward_bins()))
        latent = model.next(latent, taken, task)
        if step in AHEAD:
            target = truth[:, first + step].flatten(0, 1)
            unexplained = (latent - target).square().mean() / (start - target).square().mean()
            miss = (promised - reward[:, first + step - 1].flatten()).abs().mean()
            rows.append({"ahead": step, "reward": round(float(miss), 4), "unexplained": round(float(unexplained), 4)})
    return rows


if __name__ == "__main__":
    if not (why_not() or is_started()):
        restart()
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
