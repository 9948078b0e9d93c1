"""The stacked program beside the plain loop: repetitions interleaved, so that both meet the same machine."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.policy_extraction.measuring import Stopwatch, count_operations, matrix_product_peak, peak_memory
from benchmarks.policy_extraction.plain import PlainRun
from benchmarks.policy_extraction.sizes import Problem
from rephase.engine.cuda_graphs import Program, recorder_for
from rephase.engine.imagination import critic_targets
from rephase.engine.precision import effective_precision, training_precision
from rephase.runtime.machine import describe_machine

__all__ = ["compare", "leading_program", "programs_of"]


class _Stacked:
    """All runs as one program."""

    def __init__(self, problem: Problem) -> None:
        self.runs = problem.runs
        self.learner, self.batch = problem.learner(), problem.batch()
        self.learner.set_learning_rates(0)

    def epoch(self, watch: Stopwatch, name: str) -> dict[str, torch.Tensor]:
        imagination, metrics = watch.time(f"{name}/policy", lambda: self.learner.update_policy(self.batch))

        def critics():
            return self.learner.update_critics(imagination, critic_targets(imagination, self.learner.algorithm))

        return metrics | watch.time(f"{name}/critics", critics)


class _Replayed(_Stacked):
    """The same, asked for as a whole: what a phase does on a device that can record."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        device = torch.device(problem.device)
        self.program = Program(self.update, device, recorder_for(device))
        while self.program.run() and self.program.mode == "as written":
            continue

    @property
    def mode(self) -> str:
        return self.program.mode

    def update(self) -> dict[str, torch.Tensor]:
        with training_precision(self.learner.algorithm.precision, self.batch.task.device):
            return self.learner.learn(self.batch).metrics

    def epoch(self, watch: Stopwatch, name: str) -> dict[str, torch.Tensor]:
        return watch.time(f"{name}/whole", self.program.run)


class _Plain:
    """One run by itself; nine cost nine times as much, as nothing is shared."""

    def __init__(self, problem: Problem, frozen: bool) -> None:
        self.runs = 1
        self.run = PlainRun(problem, 0, frozen)
        batch = problem.batch()
        self.inputs = (batch.observation[0], batch.task[0], batch.noise[:, 0])

    def epoch(self, watch: Stopwatch, name: str) -> dict[str, torch.Tensor]:
        loss, latents, targets = watch.time(f"{name}/policy", lambda: self.run.update_policy(*self.inputs))
        value_loss = watch.time(f"{name}/critics", lambda: self.run.update_critics(latents, targets))
        return {"actor_loss": loss, "value_loss": value_loss, "target_mean": targets.mean()}


def programs_of(problem: Problem) -> dict[str, Callable[[], Any]]:
    """What is compared, by name, each made when called."""
    makers = {
        "stacked": lambda: _Stacked(problem),
        "plain": lambda: _Plain(problem, frozen=False),
        "plain, frozen weights without gradients": lambda: _Plain(problem, frozen=True),
    }
    if problem.device != "cpu":
        makers = {"replayed": lambda: _Replayed(problem), **makers}
    return makers


def leading_program(problem: Problem) -> Any:
    """What a phase would run on the problem's device, ready for its epochs."""
    return _Stacked(problem) if problem.device == "cpu" else _Replayed(problem)


def compare(size: str, config: str, runs: int, device: str, repetitions: int, **changes: Any) -> dict[str, Any]:
    """Measure one problem.

    Args:
        size: Name of the size.
        config: Name of the config.
        runs: Runs in the stack.
        device: Where to compute.
        repetitions: Epochs of each program that are timed.
        changes: Settings of the algorithm that differ from the size's.

    Returns:
        Everything measured, ready for JSON: milliseconds are for one epoch of one run.
    """
    problem = Problem.of(size, config, runs, device, **changes)
    algorithm = problem.size.algorithm
    leader = "replayed" if device != "cpu" else "stacked"
    programs, memory, metrics, operations = {}, {}, {}, {}
    for name, make in programs_of(problem).items():
        gc.collect()
        with training_precision(algorithm.precision, torch.device(device)):
            memory[name] = peak_memory(
                device, lambda n=name, m=make: programs.__setitem__(n, m()) or _first(programs[n])
            )
            metrics[name] = _first(make())
            operations[name] = _operations(make())
    if "replayed" in programs:
        operations["replayed"] = {"whole": sum(operations["stacked"].values())}
    watch = Stopwatch(device)
    with training_precision(algorithm.precision, torch.device(device)):
        for _ in range(repetitions):
            for name, program in programs.items():
                program.epoch(watch, name)
    peak = matrix_product_peak(device, algorithm.precision)
    measured = {
        name: _figures(watch, name, program.runs, operations[name], peak) | {"peak_memory_bytes": memory[name]}
        for name, program in programs.items()
    }
    machine = describe_machine()
    return {
        "size": size,
        "config": config,
        "runs": runs,
        "device": device,
        "horizon": algorithm.horizon,
        "batch_size": algorithm.batch_size,
        "critic_updates": algorithm.critic_iterations * algorithm.critic_batches,
        "precision": str(effective_precision(algorithm.precision, torch.device(device))),
        "updates": programs["replayed"].mode if "replayed" in programs else "as written",
        "repetitions": repetitions,
        "threads": torch.get_num_threads(),
        "cpu": machine.cpu,
        "cores": machine.cores,
        "gpu": "" if machine.gpu is None else machine.gpu.name,
        "torch": machine.torch,
        "matrix_product_peak_gflops": peak / 1e9,
        "programs": measured,
        "speedup": {name: _ratios(measured, name, leader) for name in programs if name != leader},
        "disagreement": _disagreement(metrics["stacked"], metrics["plain"]),
    }


def _first(program: Any) -> dict[str, torch.Tensor]:
    return program.epoch(Stopwatch("cpu"), "first")


def _operations(program: Any) -> dict[str, int]:
    """Operations of each part of an epoch, all runs together."""
    counting = _Counting()
    program.epoch(counting, "count")
    return counting.found


class _Counting:
    """Stands in for a stopwatch."""

    def __init__(self) -> None:
        self.found: dict[str, int] = {}

    def time(self, name: str, work: Callable[[], Any]) -> Any:
        result = []
        self.found[name.split("/")[1]] = count_operations(lambda: result.append(work()))
        return result[0]


def _figures(watch: Stopwatch, name: str, runs: int, operations: dict[str, int], peak: float) -> dict[str, Any]:
    parts = {}
    for part in operations:
        wall, processor = watch.wall[f"{name}/{part}"], watch.processor[f"{name}/{part}"]
        parts[part] = {
            "ms": 1e3 * wall / runs,
            "processor_ms": 1e3 * processor / runs,
            "gflop": operations[part] / runs / 1e9,
            "share_of_peak": operations[part] / wall / peak,
        }
    total = {key: sum(part[key] for part in parts.values()) for key in ("ms", "processor_ms", "gflop")}
    return total | {"share_of_peak": total["gflop"] * 1e12 / total["ms"] / peak, "parts": parts}


def _ratios(measured: dict[str, Any], name: str, leader: str) -> dict[str, float]:
    return {key: measured[name][key] / measured[leader][key] for key in ("ms", "processor_ms")}


def _disagreement(stacked: dict[str, torch.Tensor], plain: dict[str, torch.Tensor]) -> float:
    """Largest relative difference of the metrics of the first update of the first run."""
    return max(abs(stacked[name][0].item() - value.item()) / abs(value.item()) for name, value in plain.items())
