"""How finely the trained world models of corrected Phase 5 are integrated, beside what their runs returned and cost.

Run it as ``python benchmarks/model_integrators.py --runs RUNS [--out FILE]`` with a runs folder that holds completed
runs of ``phase5-corrected``. For each config it measures, on its runs' kept world models, how far one imagined agent
step and five are from those of a fine solution (RK4, 64 substeps) of the same model, under the actions of real
episodes: by the method the model was trained with, and by every other config's. The table in
``docs/how-to/choose-an-integrator.md`` shows the result.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

import torch
from attrs import evolve

from rephase.engine.checkpoints import read_tensors
from rephase.environments import SPACES, find_task
from rephase.manifest.record import read_record
from rephase.plugins import Kind
from rephase.plugins.registry import discover
from rephase.reproduction.composing import Part, build_world_model, compose
from rephase.reproduction.phases import open_phase
from rephase.reproduction.storing import Store

PROJECT = Path(__file__).parents[1]
PHASE = "phase5-corrected"
FINE = ("rk4", 64)
ROWS, STEPS = 256, 5


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, required=True, help=f"runs folder with completed runs of {PHASE}")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    text = json.dumps(measured(arguments.runs), indent=2) + "\n"
    if arguments.out:
        arguments.out.write_text(text)
    print(text, end="")


def measured(runs):
    """Every config's row: its method, integration errors, returns, promises and cost."""
    phase, registry = open_phase(PHASE, "embedded", PROJECT), discover()
    compositions = compose(phase, registry)
    methods = {name: _method(one.world_model) for name, one in compositions.items()}
    rows = []
    for config, composition in compositions.items():
        records = [read_record(Store(runs, phase).folder_of(run) / "record.json") for run in phase.select(config)]
        errors = {name: [] for name in dict.fromkeys(methods.values())}
        for run, record in zip(phase.select(config), records, strict=True):
            tensors, _ = read_tensors(
                Store(runs, phase).folder_of(run) / record.world_model_file, record.world_model_sha256
            )
            latents, actions = _episodes(phase, run)
            task = torch.full((ROWS,), find_task(run.task).index)
            fine = _rollout(_model(composition.world_model, registry, *FINE), tensors, latents, actions, task)
            for method, found in errors.items():
                other = _rollout(_model(composition.world_model, registry, *method), tensors, latents, actions, task)
                found.append(_share(other, fine))
        own = methods[config]
        rows.append(
            {
                "config": config,
                "integrator": own[0],
                "substeps": own[1],
                "error": _mean([one for one, _ in errors[own]]),
                "error_after_5": _mean([five for _, five in errors[own]]),
                "errors_by_method": {
                    f"{name} x{count}": _mean([e for e, _ in errors[name, count]]) for name, count in errors
                },
                "return": _mean([record.outcome.reward for record in records]),
                "promised": _mean([record.outcome.predicted_return for record in records]),
                "update_seconds": _mean([record.outcome.update_seconds for record in records]),
            }
        )
    return {
        "phase": PHASE,
        "rows": rows,
        "starts": ROWS,
        "torch": torch.__version__,
        "unit": "share of the displacement",
    }


def _method(part):
    return part.integrator.offered.offer.name, part.settings.substeps


def _model(part, registry, name, substeps):
    """A model of the part's sizes that is integrated in another way."""
    offered = registry.find(Kind.INTEGRATOR, name)
    integrator = Part(offered, offered.offer.config())
    return build_world_model(
        evolve(part, integrator=integrator, settings=evolve(part.settings, substeps=substeps)), SPACES
    )


def _episodes(phase, run):
    """Observations (B, S) that slices of the run's real episodes begin with, and the actions (T, B, A) taken there."""
    (name,) = [one for one in phase.manifest.configs[run.config].transitions if run.task in one]
    tensors, _ = read_tensors(phase.path_of(name), phase.input(name).sha256)
    generator = torch.Generator().manual_seed(run.seed)
    count, length = tensors["rewards"].shape
    episode = torch.randint(count, (ROWS,), generator=generator)
    step = torch.randint(length - STEPS, (ROWS,), generator=generator)
    actions = tensors["actions"][episode, step + torch.arange(STEPS).unsqueeze(1)]
    actions[..., find_task(run.task).action_size :] = 0  # as the corrected runs see them
    return tensors["observations"][episode, step], actions


@torch.no_grad()
def _rollout(model, tensors, observations, actions, task):
    """Imagined latents (T+1, B, L), the first those of the observations."""
    model.load_state_dict(tensors)
    latents = [model.encode(observations, task)]
    for action in actions:
        latents.append(model.next(latents[-1], action, task))
    return torch.stack(latents)


def _share(found, fine):
    """Root mean square distance to the fine solution as a share of the fine displacement, after one step and all."""

    def after(steps):
        moved = (fine[steps] - fine[0]).square().mean().sqrt()
        return float((found[steps] - fine[steps]).square().mean().sqrt() / moved)

    return after(1), after(STEPS)


def _mean(values):
    return None if any(value is None for value in values) else statistics.fmean(values)


if __name__ == "__main__":
    main()
