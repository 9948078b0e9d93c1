"""Measure one problem and print it, for people or as JSON."""

from __future__ import annotations

import argparse
import json
import math
from typing import Any

import torch

from benchmarks.policy_extraction.comparison import compare
from benchmarks.policy_extraction.measuring import refusal
from benchmarks.policy_extraction.sizes import CONFIGS, SIZES
from rephase.manifest.algorithm import Precision


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policy_extraction", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="embedded")
    parser.add_argument("--config", choices=CONFIGS, default="baseline")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=[str(one) for one in Precision], default="float32")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repetitions", type=int, default=10)
    for name in ("horizon", "batch_size", "critics", "critic_iterations"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int)
    parser.add_argument("--json", action="store_true")
    options = vars(parser.parse_args())
    if problem := refusal(options["device"], options["precision"]):
        parser.error(problem)
    as_json = options.pop("json")
    torch.set_num_threads(options.pop("threads"))
    found = compare(**{name: value for name, value in options.items() if value is not None})
    print(json.dumps(found, indent=2) if as_json else _text(found))


def _text(found: dict[str, Any]) -> str:
    lines = [
        f"{found['size']} {found['config']}, {found['runs']} runs, batch {found['batch_size']}, horizon "
        f"{found['horizon']}, {found['critic_updates']} critic updates; {found['gpu'] or found['cpu']}, "
        f"{found['threads']} threads",
        f"{found['precision']}, peak {found['matrix_product_peak_gflops']:.0f} GFLOP/s; updates {found['updates']}",
        f"{'one epoch of one run':42}{'ms':>9}{'cpu ms':>9}{'policy':>9}{'critics':>9}{'GFLOP':>8}{'peak':>9}{'MB':>7}",
    ]
    for name, program in found["programs"].items():
        parts = [program["parts"].get(part, {"ms": math.nan})["ms"] for part in ("policy", "critics")]
        lines.append(
            f"{name:42}{program['ms']:9.1f}{program['processor_ms']:9.1f}{parts[0]:9.1f}{parts[1]:9.1f}"
            f"{program['gflop']:8.2f}{program['share_of_peak']:9.0%}{program['peak_memory_bytes'] / 1e6:7.0f}"
        )
    for name, ratio in found["speedup"].items():
        lines.append(f"{ratio['ms']:.2f} times as fast as {name} (processor time {ratio['processor_ms']:.2f})")
    lines.append(f"metrics of the first update differ by {found['disagreement']:.1e}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
