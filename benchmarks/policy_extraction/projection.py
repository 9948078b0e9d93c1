"""How long a whole phase would take here: epochs and evaluations measured for a moment and multiplied.

    python -m benchmarks.policy_extraction.projection --size 48M --device cuda --precision tf32 --json

Epochs are those of each config's nine runs as one program; evaluations are the phase's own, played on the CPU by
untrained policies for a part of an episode. Beside training, an evaluation costs only what it takes longer than the
epochs it is played beside.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.policy_extraction.comparison import leading_program
from benchmarks.policy_extraction.measuring import Stopwatch, peak_memory, refusal
from benchmarks.policy_extraction.sizes import CONFIGS, SIZES, Problem
from rephase.engine.acting import Actors
from rephase.engine.precision import effective_precision, training_precision
from rephase.environments import find_task, make
from rephase.environments.tasks import EPISODE_STEPS
from rephase.manifest import read_phase
from rephase.manifest.algorithm import Precision
from rephase.runtime.machine import describe_machine

ROOT = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policy_extraction.projection", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="48M")
    parser.add_argument("--scale", choices=("logged", "embedded"), default="logged", help="whose schedule is projected")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=[str(one) for one in Precision], default="float32")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repetitions", type=int, default=10)
    parser.add_argument("--batch-size", type=int, help="instead of the size's own")
    parser.add_argument("--steps", type=int, default=50, help="agent steps of an episode that are played")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    precision = Precision(options.precision)
    if problem := refusal(options.device, precision):
        parser.error(problem)
    torch.set_num_threads(options.threads)
    changes = {"batch_size": options.batch_size} if options.batch_size else {}
    found = project(
        options.size, options.scale, options.device, precision, options.repetitions, options.steps, **changes
    )
    print(json.dumps(found, indent=2) if options.json else text(found))


def project(
    size: str, scale: str, device: str, precision: Precision, repetitions: int, steps: int, **changes: Any
) -> dict[str, Any]:
    """Measure an epoch and an evaluation of each config and add up the phase."""
    phase = read_phase(ROOT / f"reproductions/phase3/{scale}.toml")
    schedule, configs = phase.manifest.evaluation, {}
    for config in CONFIGS:
        runs = [run for run in phase.runs() if run.config == config]
        problem = Problem.of(size, config, len(runs), device, precision=precision, **changes)
        epoch, memory, how = _epoch(problem, repetitions)
        tasks = [find_task(run.task) for run in runs]
        last = _evaluation(problem, tasks, schedule.episodes, steps)
        others = schedule.curve_episodes and schedule.curve_episodes != schedule.episodes
        on_the_way = _evaluation(problem, tasks, schedule.curve_episodes, steps) if others else last
        configs[config] = {
            "runs": len(runs),
            "epoch_ms": 1e3 * epoch,
            "evaluation_seconds": last,
            "peak_memory_bytes": memory,
            "updates": how,
            **_total(phase.algorithm(config).epochs, schedule.every, epoch, on_the_way, last, device != "cpu"),
        }
    machine = describe_machine()
    return {
        "size": size,
        "schedule": f"phase3@{scale}",
        "device": device,
        "precision": str(effective_precision(precision, torch.device(device))),
        "threads": torch.get_num_threads(),
        "cpu": machine.cpu,
        "cores": machine.cores,
        "gpu": "" if machine.gpu is None else machine.gpu.name,
        "torch": machine.torch,
        "configs": configs,
        "minutes": sum(config["seconds"] for config in configs.values()) / 60,
    }


def _epoch(problem: Problem, repetitions: int) -> tuple[float, int | None, str]:
    """Least seconds of an epoch of all runs, the memory it takes, and how it is run."""
    made: list[Any] = []
    watch = Stopwatch(problem.device)
    with training_precision(problem.size.algorithm.precision, torch.device(problem.device)):
        memory = peak_memory(problem.device, lambda: made.append(leading_program(problem)))
        [program] = made
        for _ in range(repetitions + 1):
            watch.time("epoch", lambda: program.epoch(Stopwatch("cpu"), "within"))
    return watch.wall["epoch"], memory, getattr(program, "how", "as written")


def _evaluation(problem: Problem, tasks: list[Any], episodes: int, steps: int) -> float:
    """Seconds of one evaluation on the CPU, from the first steps of its episodes."""
    learner = problem.learner()
    actors = Actors(learner.world_model, learner.policy, torch.tensor([task.index for task in tasks])).copied()
    names = sorted({task.name for task in tasks})
    environments = [make(name, episodes * sum(task.name == name for task in tasks)) for name in names]
    seen = [environment.reset(list(range(environment.count))) for environment in environments]
    width = seen[0].shape[-1]
    began = 0.0
    for step in range(steps + 1):
        if step == 1:  # the first step makes what is made once
            began = time.perf_counter()
        rows = torch.cat([torch.from_numpy(one) for one in seen]).reshape(len(tasks), episodes, width)
        action = actors.act(rows).flatten(0, 1).numpy()
        first = 0
        for at, environment in enumerate(environments):
            seen[at] = environment.step(action[first : first + environment.count])[0]
            first += environment.count
    spent = time.perf_counter() - began
    for environment in environments:
        environment.close()
    return spent / steps * EPISODE_STEPS


def _total(epochs: int, every: int, epoch: float, on_the_way: float, last: float, beside: bool) -> dict[str, float]:
    """Seconds of training, of evaluations that training waits for, and of all; two are made at the end."""
    count = (epochs - 1) // every if every else 0
    waiting = max(0.0, on_the_way - every * epoch) if beside else on_the_way
    parts = {"training_seconds": epochs * epoch, "waiting_seconds": count * waiting + 2 * last}
    return {**parts, "seconds": sum(parts.values())}


def text(found: dict[str, Any]) -> str:
    lines = [
        f"{found['schedule']} at {found['size']}, {found['gpu'] or found['cpu']}, {found['threads']} threads, "
        f"{found['precision']}: {found['minutes']:.1f} minutes"
    ]
    for name, config in found["configs"].items():
        lines.append(
            f"{name}, {config['runs']} runs: {config['epoch_ms']:.1f} ms an epoch ({config['updates']}), "
            f"{config['evaluation_seconds']:.1f} s an evaluation, {config['peak_memory_bytes'] / 1e9:.1f} GB; "
            f"training {config['training_seconds'] / 60:.1f} min, waiting {config['waiting_seconds'] / 60:.1f} min"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
