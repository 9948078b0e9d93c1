"""Fits the two world models of the factorial: one recipe, one budget, the shipped episodes, no more and no less.

Everything that is not the model itself is the same for both: episodes, number and size of updates, learning rates
and seeds. Run it from the project's folder; it writes beside itself.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch
from attrs import asdict

from rephase.engine.checkpoints import file_digest, read_tensors, write_tensors
from rephase.engine.pretraining import EpisodePool, Pretrainer, Pretraining
from rephase.engine.seeding import stream
from rephase.environments import SPACES, find_task
from rephase.manifest import read_phase
from rephase.plugins.registry import discover
from rephase.reproduction.composing import build_world_model, compose

HERE = Path(__file__).parent
TASKS = ("reacher-easy", "walker-stand", "cheetah-run")
FILES = {task: HERE.parent / f"embedded/episodes-{task}.safetensors" for task in TASKS}
CONFIGS = {"mlp": "mlp-mlp", "flow": "flow-mlp"}
SEED = 20_250
SETTINGS = Pretraining(steps=6_000, batch_size=128, horizon=3, first_lr=2e-3, warmup=100, reward_weight=1.0)
REPORT_EVERY = 100


def make(out: Path, settings: Pretraining = SETTINGS) -> dict[str, object]:
    """Fit both models and write them with their provenance.

    Args:
        out: Folder for ``world_model-mlp.safetensors``, ``world_model-flow.safetensors`` and ``provenance.json``.
        settings: The budget.

    Returns:
        The provenance.
    """
    with ProcessPoolExecutor(len(CONFIGS), multiprocessing.get_context("spawn")) as processes:
        fits = {kind: processes.submit(_fit, kind, settings, out) for kind in CONFIGS}
        models = {kind: fit.result() for kind, fit in fits.items()}
    provenance: dict[str, object] = {
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
    parts = ("observations", "actions", "rewards")
    pool = EpisodePool(*({task: own[part] for task, own in episodes.items()} for part in parts))
    composition = compose(phase, discover(phase.manifest.plugins), [CONFIGS[kind]])[CONFIGS[kind]]
    model = build_world_model(composition.world_model, SPACES)
    assert isinstance(model, torch.nn.Module)
    model.initialise(stream(SEED, "world-model"))
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
        "losses": losses,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "sha256": digest,
    }


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
