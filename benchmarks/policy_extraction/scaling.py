"""How the time of an epoch grows with runs, horizon and batch: ratios measured in one process, and their plot.

    python -m benchmarks.policy_extraction.scaling --threads 2 --out RESULT.json --plot PLOT.svg
    python -m benchmarks.policy_extraction.scaling --draw RESULT.json --plot PLOT.svg

Every point of both configs takes its turn in every repetition, so that all of them meet the same machine, and the least
of each counts. Each ratio is to the point of its own axis that is the smallest.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from benchmarks.policy_extraction.comparison import leading_program
from benchmarks.policy_extraction.measuring import Stopwatch, refusal
from benchmarks.policy_extraction.sizes import CONFIGS, SIZES, Problem
from rephase.engine.precision import effective_precision, training_precision
from rephase.manifest.algorithm import Precision
from rephase.runtime.machine import describe_machine

AXES = {"runs": (1, 2, 4, 9, 18), "horizon": (2, 4, 8, 16), "batch_size": (16, 32, 64, 128, 256)}
FAIR = {"runs": "one epoch of one run", "horizon": "one epoch", "batch_size": "one epoch"}
LABELS = {"runs": "runs in one program", "horizon": "horizon, steps", "batch_size": "batch, start states"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policy_extraction.scaling", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="embedded")
    parser.add_argument("--runs", type=int, default=9, help="runs in the stack where horizon and batch are varied")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=[str(one) for one in Precision], default="float32")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repetitions", type=int, default=10)
    for axis, values in AXES.items():
        parser.add_argument(f"--{axis.replace('_', '-')}-values", type=int, nargs="+", default=values)
    parser.add_argument("--out", type=Path, help="where the result goes, as JSON")
    parser.add_argument("--draw", type=Path, help="a result to draw instead of measuring")
    parser.add_argument("--plot", type=Path, help="where the plot goes, as SVG")
    options = parser.parse_args()
    if problem := refusal(options.device, Precision(options.precision)):
        parser.error(problem)
    if options.draw:
        found = json.loads(options.draw.read_text())
    else:
        torch.set_num_threads(options.threads)
        axes = {axis: getattr(options, f"{axis}_values") for axis in AXES}
        found = measure(
            options.size, options.runs, options.device, options.repetitions, axes, precision=options.precision
        )
    if options.out:
        options.out.write_text(json.dumps(found, indent=2) + "\n")
    if options.plot:
        draw(found, options.plot)
    print(text(found))


def measure(
    size: str, runs: int, device: str, repetitions: int, axes: dict[str, tuple[int, ...]], precision: str = "float32"
) -> dict[str, Any]:
    """Time an epoch of the stacked program at every point of every axis, for both configs."""
    watch, programs, problems = Stopwatch(device), {}, {}
    precision = Precision(precision)
    with training_precision(precision, torch.device(device)):
        for config in CONFIGS:
            for axis, values in axes.items():
                for value in values:
                    changes = {"precision": precision} if axis == "runs" else {"precision": precision, axis: value}
                    count = value if axis == "runs" else runs
                    name = f"{config}/{axis}/{value}"
                    problems[name] = Problem.of(size, config, count, device, **changes)
                    programs[name] = leading_program(problems[name])
                    programs[name].epoch(Stopwatch(device), "first")
        for _ in range(repetitions):
            for name, program in programs.items():
                watch.time(name, lambda p=program: p.epoch(Stopwatch("cpu"), "within"))
    machine, algorithm = describe_machine(), problems[f"baseline/horizon/{axes['horizon'][0]}"].size.algorithm
    return {
        "size": size,
        "device": device,
        "precision": str(effective_precision(precision, torch.device(device))),
        "runs": runs,
        "horizon": Problem.of(size, "baseline", 1, device).size.algorithm.horizon,
        "batch_size": algorithm.batch_size,
        "repetitions": repetitions,
        "threads": torch.get_num_threads(),
        "cpu": machine.cpu,
        "cores": machine.cores,
        "gpu": "" if machine.gpu is None else machine.gpu.name,
        "torch": machine.torch,
        "axes": {axis: {config: _points(watch, config, axis, axes[axis]) for config in CONFIGS} for axis in axes},
    }


def _points(watch: Stopwatch, config: str, axis: str, values: tuple[int, ...]) -> list[dict[str, float]]:
    """Time of each point, of one run where runs are varied, and its ratio to the first."""
    seconds = [watch.wall[f"{config}/{axis}/{value}"] / (value if axis == "runs" else 1) for value in values]
    return [
        {"value": value, "ms": 1e3 * own, "ratio": own / seconds[0]} for value, own in zip(values, seconds, strict=True)
    ]


def text(found: dict[str, Any]) -> str:
    """The ratios as lines for people."""
    lines = [f"{found['size']}, {found['gpu'] or found['cpu']}, {found['threads']} threads, {found['precision']}"]
    for axis, configs in found["axes"].items():
        for config, points in configs.items():
            ratios = "  ".join(f"{point['value']}: {point['ratio']:.2f}" for point in points)
            lines.append(f"{FAIR[axis]} over {LABELS[axis]}, {config}: {ratios}")
    return "\n".join(lines)


def draw(found: dict[str, Any], path: Path) -> None:
    """Draw the ratios, one panel an axis, with what no gain and plain proportion would be."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    matplotlib.rcParams |= {"svg.hashsalt": "scaling", "svg.fonttype": "none", "font.size": 9}
    figure, panels = plt.subplots(1, len(found["axes"]), figsize=(11, 3.4), layout="constrained")
    for panel, (axis, configs) in zip(panels, found["axes"].items(), strict=True):
        for config, points in configs.items():
            values = [point["value"] for point in points]
            panel.plot(values, [point["ratio"] for point in points], marker="o", markersize=4, label=config)
        reference = [1 if axis == "runs" else value / values[0] for value in values]
        panel.plot(
            values, reference, color="grey", linestyle=":", label="one by one" if axis == "runs" else "in proportion"
        )
        panel.set_xscale("log", base=2)
        panel.set_yscale("log", base=2)
        for scale in (panel.xaxis, panel.yaxis):
            scale.set_major_formatter(lambda number, _: f"{number:g}")
        panel.set_xticks(values)
        panel.set_xlabel(LABELS[axis])
        panel.set_ylabel(f"{FAIR[axis]}, times that at {values[0]}")
        panel.legend(frameon=False)
    figure.suptitle(
        f"{found['size']}, {found['gpu'] or found['cpu']}, {found['threads']} threads, {found['precision']}"
    )
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
