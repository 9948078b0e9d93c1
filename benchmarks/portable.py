"""What portable arithmetic costs: CPU time of one epoch of embedded Phase 3 with it over without it, in one run.

Run it as ``python -m benchmarks.portable [--epochs N] [--rounds N] [--out FILE]``. The two kinds take turns, in
commands of their own, and each is run for a few epochs more and for one, so that starting and evaluating drop out. CPU
time of the command and its workers counts, which neighbours on a busy machine disturb less than time on the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from rephase.manifest.schema import Arithmetic
from rephase.runtime.machine import describe_machine

PROJECT = Path(__file__).parents[1]
CONFIGS = ("baseline", "flowpolicy")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20, help="epochs of the longer run (default: 20)")
    parser.add_argument("--rounds", type=int, default=3, help="how often every kind is measured (default: 3)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    if arguments.epochs < 2 or arguments.rounds < 1:
        parser.error("--epochs takes 2 or more, --rounds 1 or more")
    found = measure(arguments.epochs, arguments.rounds)
    text = json.dumps(found, indent=2)
    if arguments.out:
        arguments.out.write_text(text + "\n")
    print(text)


def measure(epochs, rounds):
    """CPU seconds of an epoch by config and kind, and the ratio of the medians."""
    told = {"machine": describe_machine().cpu, "torch": describe_machine().torch, "epochs": epochs, "configs": {}}
    for config in CONFIGS:
        taken = {str(kind): [] for kind in Arithmetic}
        for _ in range(rounds):
            for kind, seconds in taken.items():
                seconds.append((_seconds(config, kind, epochs) - _seconds(config, kind, 1)) / (epochs - 1))
        middle = {kind: statistics.median(seconds) for kind, seconds in taken.items()}
        told["configs"][config] = {
            "cpu_seconds_of_an_epoch": {kind: [round(one, 4) for one in seconds] for kind, seconds in taken.items()},
            "portable_over_native": round(middle["portable"] / middle["native"], 3),
        }
    return told


def _seconds(config, kind, epochs):
    """CPU seconds of a command that trains the nine runs of a config."""
    with tempfile.TemporaryDirectory() as folder:
        manifest = shortened(kind, epochs)
        path = Path(folder, "phase.toml")
        path.write_text(manifest)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        words = [str(path), "--runs", folder, "--config", config, "--jobs", "1", "--threads", "1"]
        done = subprocess.run(
            [sys.executable, "-m", "rephase", "run", *words],
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(done.stderr)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def environment():
    """What the commands are started in."""
    inputs = {"REPHASE_INPUTS": str(PROJECT / "reproductions")}
    return {**os.environ, **inputs, "MUJOCO_GL": "disabled", "OMP_NUM_THREADS": "1"}


def shortened(kind, epochs):
    """Embedded Phase 3 with another number of epochs, without evaluations but one of an episode."""
    folder = PROJECT / "reproductions/phase3"
    lines = []
    for line in (folder / "embedded.toml").read_text().splitlines():
        key = line.partition("=")[0].strip()
        replaced = {"epochs": epochs, "episodes": 1, "every": 0, "curve_episodes": 0, "plan": '"none"'}
        if key == "arithmetic":
            continue
        lines.append(f"{key} = {replaced[key]}" if key in replaced else line.replace('"../', f'"{folder.parent}/'))
        if key == "scale":
            lines.append(f'arithmetic = "{kind}"')
    return "\n".join(lines)


if __name__ == "__main__":
    main()
