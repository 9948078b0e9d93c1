"""What a GPU does for this project, found out with one command: checks, times, memory, and how long a phase would take.

Updates are those of a phase's own cohorts, in a world model of the phase's size whose numbers are drawn at random. Each
is timed as written, recorded as a graph and compiled; what fails is reported and stops nothing else.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from attrs import asdict, evolve
from torch import Tensor, nn

from rephase.engine.cohort import Cohort, Member
from rephase.engine.cuda_graphs import Recorder, Work, recorder_for
from rephase.engine.seeding import stream
from rephase.errors import CannotRunHere
from rephase.manifest import Phase, Run
from rephase.manifest.algorithm import Precision
from rephase.plugins.registry import discover
from rephase.reproduction.composing import build_policy, build_world_model, compose
from rephase.reproduction.evaluating import Episodes
from rephase.reproduction.phases import tasks_of
from rephase.runtime.machine import describe_machine

__all__ = ["AIMS", "examine_gpu", "result_name"]

AIMS: Mapping[str, float] = {"update of one run, ms": 6.0, "update of nine, ms": 35.0, "memory, GB": 24.0}
"""Most that each figure may be, in TF32; written for an H200 and the sizes of the log."""

_PHASE_MINUTES = 12.0
_WAYS = ("as written", "recorded", "compiled")
_WARM = 6
_CHILD_SECONDS = 150
_CHECK_SECONDS = 240
_STEPS = 30

Report = Callable[[str], None]


def examine_gpu(
    phase: Phase, project: Path, report: Report, *, device: str = "cuda", repetitions: int = 20
) -> dict[str, Any]:
    """Check and measure a device for a phase.

    Args:
        phase: The phase whose updates are timed and whose length is projected.
        project: Folder of the project; its tests and reference files are used where they are.
        report: Called with every line worth saying.
        device: ``cuda``, or ``cpu`` to try this without one.
        repetitions: Updates that are timed of each kind.

    Returns:
        Everything found, ready for JSON.

    Raises:
        CannotRunHere: There is no such device.
    """
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise CannotRunHere(
            f"torch {torch.__version__} finds no CUDA device here",
            remedy="run this on a node with a GPU, or see what it does: rephase doctor --gpu --device cpu --miniature",
        )
    began = time.monotonic()
    checks = {name: _checked(name, words, report) for name, words in _checks(project, device).items()}
    cells = [_measured(phase, *cell, device, repetitions, report) for cell in _cells(phase, device)]
    machine = describe_machine()
    found = {
        "phase": phase.name,
        "device": device,
        "gpu": None if machine.gpu is None else asdict(machine.gpu),
        "cpu": machine.cpu,
        "cores": machine.cores,
        "torch": machine.torch,
        "checks": checks,
        "updates": cells,
        "phase_minutes": _phase_minutes(phase, cells, device),
    }
    return found | {"aims": _aims(found), "seconds": round(time.monotonic() - began, 1)}


def result_name(result: Mapping[str, Any]) -> str:
    """Name of the file that a result is kept in, after its device."""
    name = result["gpu"]["name"] if result["gpu"] else "stand-in"
    return f"gpu-{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-')}.json"


def _checks(project: Path, device: str) -> dict[str, list[str]]:
    """What is run in addition to the measurements: its words for Python, or none where it is not here."""
    files, tests = project / "tests/data/reference", project / "tests/unit/engine"
    rephase = ["-m", "rephase"]
    vectors = {
        f"vectors in {dtype}": [*rephase, "vectors", str(files), "--device", device, "--dtype", dtype]
        if files.is_dir()
        else []
        for dtype in ("float64", "float32")
    }
    has_tests = tests.is_dir() and find_spec("pytest") is not None
    return {
        **vectors,
        "CUDA tests": ["-m", "pytest", "-q", "-m", "gpu", str(tests)] if has_tests else [],
        "rehearsal": [*rephase, "rehearse", "phase3", "--device", device] if device != "cpu" else [],
    }


def _checked(name: str, words: Sequence[str], report: Report) -> dict[str, Any]:
    """Run one check in a process of its own; the last line it says is what is reported of it."""
    if not words:
        report(f"{name}: not here")
        return {"state": "absent", "said": ""}
    try:
        done = subprocess.run(
            [sys.executable, *words], capture_output=True, text=True, timeout=_CHECK_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        report(f"{name}: not over after {_CHECK_SECONDS} s")
        return {"state": "failed", "said": f"not over after {_CHECK_SECONDS} s"}
    lines = (done.stdout.strip() or done.stderr.strip()).splitlines() or [""]
    state = "ok" if done.returncode == 0 else "failed"
    report(f"{name}: {state}, {lines[-1]}")
    return {"state": state, "said": lines[-1], "code": done.returncode}


def _cells(phase: Phase, device: str) -> list[tuple[str, int, Precision, str]]:
    """What is timed: config, runs, precision and way. Compiling takes long, and is tried with one config alone."""
    kinds = [Precision.TF32, Precision.FLOAT32] if device != "cpu" else [Precision.FLOAT32]
    configs = list(phase.configs)
    every = sum(run.config == configs[0] for run in phase.runs())
    written = [
        (config, runs, kind, way)
        for config in configs
        for runs in (1, every)
        for kind in kinds
        for way in (_WAYS[:2] if device != "cpu" else _WAYS[:1])
    ]
    return written + [(configs[0], runs, kinds[0], "compiled") for runs in (1, every)]


def _measured(
    phase: Phase, config: str, runs: int, precision: Precision, way: str, device: str, repetitions: int, report: Report
) -> dict[str, Any]:
    cell = {"config": config, "runs": runs, "precision": str(precision), "way": way}
    if way == "compiled":  # it may take minutes or bring its process down
        found = _in_a_child(phase, cell, device, repetitions)
    else:
        found = _time_or_reason(phase, cell, device, repetitions)
    outcome = f"{found['ms']:.2f} ms" if "ms" in found else found["problem"]
    report(f"{config}, {runs} runs, {precision}, {way}: {outcome}")
    return cell | found


def _time_or_reason(phase: Phase, cell: Mapping[str, Any], device: str, repetitions: int) -> dict[str, Any]:
    try:
        return _time(phase, cell, device, repetitions)
    except Exception as error:  # memory, a driver, a compiler that asserts
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        return {"problem": f"{type(error).__name__}: {first}"}


def _time(phase: Phase, cell: Mapping[str, Any], device: str, repetitions: int) -> dict[str, Any]:
    """Milliseconds of an update of all runs together, drawing included, and the most memory it took."""
    cohort = _cohort(phase, cell, device)
    _forget_peak(device)
    cohort.advance(_WARM)
    spent = []
    for _ in range(repetitions):
        _wait(device)
        at = time.perf_counter()
        cohort.advance(1)
        _wait(device)
        spent.append(1e3 * (time.perf_counter() - at))
    found: dict[str, Any] = {"ms": min(spent), "median_ms": statistics.median(spent), "updates": cohort.mode}
    if device != "cpu":
        found["peak_memory_bytes"] = torch.cuda.max_memory_allocated()
    if cell["way"] == _WAYS[bool(device != "cpu")]:
        found["evaluation_seconds"] = _evaluation_seconds(phase, cohort, _runs(phase, cell))
    return found


def _in_a_child(phase: Phase, cell: Mapping[str, Any], device: str, repetitions: int) -> dict[str, Any]:
    order = json.dumps({"file": str(phase.file), "cell": dict(cell), "device": device, "repetitions": repetitions})
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, order], capture_output=True, text=True, timeout=_CHILD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return {"problem": f"not over after {_CHILD_SECONDS} s"}
    if done.returncode:
        return {"problem": (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _runs(phase: Phase, cell: Mapping[str, Any]) -> list[Run]:
    return [run for run in phase.runs() if run.config == cell["config"]][: cell["runs"]]


def _cohort(phase: Phase, cell: Mapping[str, Any], device: str) -> Cohort:
    """Runs of a config in a world model drawn at random, of the sizes the phase says."""
    config, runs, tasks = cell["config"], _runs(phase, cell), tasks_of(phase)
    composition = compose(phase, discover(phase.manifest.plugins), [config])[config]
    model = build_world_model(composition.world_model, tasks.spaces)
    assert isinstance(model, nn.Module)
    model.initialise(stream(0, "world-model"))
    members = [Member(tasks.find(run.task).index, run.seed) for run in runs]
    draws = stream(0, "start states")
    starts = {member.task: torch.randn(1000, tasks.spaces.observation, generator=draws) for member in members}
    recorders: dict[str, Recorder | None] = {
        "as written": _Written(),
        "recorded": recorder_for(torch.device(device)),
        "compiled": _Compiled(),
    }
    return Cohort(
        world_model=model,
        build_policy=lambda: build_policy(composition.policy, model.latent_size(), tasks.spaces.action),
        algorithm=evolve(phase.algorithm(config), precision=Precision(cell["precision"])),
        members=members,
        experience=starts,
        spaces=tasks.spaces,
        stackable=composition.policy.stackable,
        device=device,
        recorder=recorders[cell["way"]],
    )


class _Written:
    """Records nothing."""

    def rehearse(self, work: Work) -> Mapping[str, Tensor]:
        return work()

    def record(self, work: Work) -> tuple[Callable[[], object], Mapping[str, Tensor]]:
        raise RuntimeError("as was asked")


class _Compiled(_Written):
    """Lets torch compile the work in place of recording it; the first replay compiles."""

    def record(self, work: Work) -> tuple[Callable[[], object], Mapping[str, Tensor]]:
        compiled = torch.compile(lambda: dict(work()))
        result: dict[str, Tensor] = {}
        return lambda: result.update(compiled()), result


class _Enough(Exception):
    """As much of an episode as is timed was played."""


def _evaluation_seconds(phase: Phase, cohort: Cohort, runs: Sequence[Run]) -> float:
    """Seconds of the phase's evaluation on this machine's CPU, from its first steps."""
    at: list[float] = []

    def before_each() -> None:
        at.append(time.perf_counter())
        if len(at) > _STEPS + 1:  # the first step makes what is made once
            raise _Enough

    tasks = tasks_of(phase)
    episodes = Episodes(runs, tasks)
    try:
        episodes.play("reward", phase.manifest.evaluation.episodes, cohort.actors().act, before_each)
    except _Enough:
        pass
    finally:
        episodes.close()
    return (at[-1] - at[1]) / (len(at) - 2) * max(task.episode_steps for task in tasks)


def _phase_minutes(phase: Phase, cells: Sequence[Mapping[str, Any]], device: str) -> float | None:
    """Length of the whole phase: its updates, and what it waits for evaluations, two of them at the end of a config."""
    evaluation, seconds = phase.manifest.evaluation, 0.0
    for config in phase.configs:
        own = [cell for cell in cells if cell["config"] == config and "evaluation_seconds" in cell and cell["runs"] > 1]
        if not own:
            return None
        best = min(own, key=lambda cell: cell["ms"])
        epochs, played = phase.algorithm(config).epochs, best["evaluation_seconds"]
        share = (evaluation.curve_episodes or evaluation.episodes) / evaluation.episodes
        count = (epochs - 1) // evaluation.every if evaluation.every else 0
        beside = evaluation.every * best["ms"] / 1e3 if device != "cpu" else 0.0
        seconds += epochs * best["ms"] / 1e3 + count * max(0.0, share * played - beside) + 2 * played
    return seconds / 60


def _aims(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each aim with the largest figure over configs, each config at its fastest, of the precision it is meant for."""
    cells = [cell for cell in found["updates"] if "ms" in cell and cell["way"] != "compiled"]
    precision = "float32" if found["device"] == "cpu" else "tf32"
    own = [cell for cell in cells if cell["precision"] == precision]
    most = max((cell["runs"] for cell in own), default=0)

    def worst(runs: int) -> float | None:
        fastest: dict[str, float] = {}
        for cell in own:
            if cell["runs"] == runs:
                fastest[cell["config"]] = min(cell["ms"], fastest.get(cell["config"], cell["ms"]))
        return max(fastest.values(), default=None)

    memory = max((cell["peak_memory_bytes"] / 1e9 for cell in own if "peak_memory_bytes" in cell), default=None)
    figures = [*zip(AIMS.items(), (worst(1), worst(most), memory), strict=True)]
    figures.append((("whole phase, minutes", _PHASE_MINUTES), found["phase_minutes"]))
    return [
        {"aim": name, "most": limit, "found": value, "reached": None if value is None else value <= limit}
        for (name, limit), value in figures
    ]


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def _forget_peak(device: str) -> None:
    if device != "cpu":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def _main(words: str) -> None:
    from rephase.manifest import read_phase

    order = json.loads(words)
    phase = read_phase(Path(order["file"]))
    sys.stdout.write(json.dumps(_time_or_reason(phase, order["cell"], order["device"], order["repetitions"])) + "\n")


if __name__ == "__main__":
    _main(sys.argv[1])
