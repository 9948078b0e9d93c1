"""What sharing start states costs: embedded Phase 3's baseline from its own episodes, and from files that runs share.

The log's code draws start states from the whole dataset at every update, each run from episodes that it resampled. A
file of start states is one draw, made once, that all runs share. Three configs differ in nothing else, and all draw
from the same hundred shipped episodes of each task:

``own``
    Each run from its own resampled episodes, as the log's code does.
``shared-all``
    All runs from one file that holds every state of those episodes.
``shared-few``
    All runs from one file of 75 states a task, so that each is reused about 256 times, as 20,000 states would be in the
    logged scale's 10,000 updates of 512.

    python -m benchmarks.start_states [--seeds N] [--folder FOLDER] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tomlkit
from scipy import stats

from rephase.manifest.hashing import file_digest
from rephase.manifest.record import read_record
from rephase.runtime.machine import describe_machine

ROOT = Path(__file__).parents[1]
TASKS = ("reacher-easy", "walker-stand", "cheetah-run")
SEEDS = (42, 123, 456, 789, 1011, 1213, 1415, 1617, 1819, 2021, 2223, 2425)
FEW = 75
_GROUP = 3


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start_states", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=6, help="seeds of each cell, 3, 6, 9 or 12 (default: 6)")
    parser.add_argument("--folder", type=Path, help="where the runs go and stay (default: a temporary folder)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    words = parser.parse_args()
    if words.seeds not in range(_GROUP, len(SEEDS) + 1, _GROUP):
        parser.error("--seeds takes 3, 6, 9 or 12")
    place = words.folder or Path(tempfile.mkdtemp())
    try:
        found = measure(place, words.seeds)
    finally:
        if words.folder is None:
            shutil.rmtree(place)
    text = json.dumps(found, indent=2) + "\n"
    if words.out:
        words.out.write_text(text)
    sys.stdout.write(text)


def measure(place: Path, seeds: int) -> dict[str, Any]:
    """Train and evaluate every config and say how means and spreads differ from the runs' own draws.

    Args:
        place: Folder of the phase and its runs.
        seeds: Seeds of each cell.
    """
    make_phase(place, SEEDS[:seeds])
    command = [sys.executable, "-m", "rephase", "run", "start-states", "--project", str(place), "--reference"]
    subprocess.run([*command, "--runs", str(place / "runs")], check=True, stdout=sys.stderr)
    returns: dict[str, dict[str, list[float]]] = {}
    for path in sorted((place / "runs").glob("*/*/*/*/record.json")):
        record = read_record(path)
        returns.setdefault(record.config, {}).setdefault(record.task, []).append(round(record.reward, 1))
    return {
        "what": "returns of embedded Phase 3's baseline by where start states are drawn from",
        "cpu": describe_machine().cpu,
        "arithmetic": "portable",
        "seeds": seeds,
        "returns": returns,
        "against_own": {
            config: {task: compared(returns["own"][task], of_tasks[task]) for task in TASKS}
            for config, of_tasks in returns.items()
            if config != "own"
        },
    }


def make_phase(place: Path, seeds: tuple[int, ...]) -> None:
    """Write a project with the three configs and the files they name."""
    import torch
    from safetensors.torch import load_file, save_file

    from rephase.environments.known import SUITE

    folder = place / "reproductions/start-states"
    folder.mkdir(parents=True)
    for part in ("configs", "embedded"):
        shutil.copytree(ROOT / "reproductions" / part, place / "reproductions" / part)
    shipped = place / "reproductions/embedded"
    document = tomlkit.parse((ROOT / "reproductions/phase3/embedded.toml").read_text())
    horizon = int(document["algorithm"]["horizon"])
    rows: dict[str, list[Any]] = {"shared-all": [], "shared-few": []}
    tasks: dict[str, list[Any]] = {name: [] for name in rows}
    inputs = {"world-model": document["inputs"]["world-model"]}
    generator = torch.Generator().manual_seed(0)
    for task in TASKS:
        name, path = f"episodes-{task}", shipped / f"episodes-{task}.safetensors"
        inputs[name] = {"path": f"../embedded/{path.name}", "sha256": file_digest(path)}
        states = load_file(path)["observations"].float()
        every = states[:, : states.shape[1] - horizon].reshape(-1, states.shape[-1])
        few = every[torch.randperm(len(every), generator=generator)[:FEW]]
        for kind, some in (("shared-all", every), ("shared-few", few)):
            rows[kind].append(some)
            tasks[kind].append(torch.full((len(some),), SUITE.find(task).index))
    for kind in rows:
        path = folder / f"{kind}.safetensors"
        save_file({"observations": torch.cat(rows[kind]).contiguous(), "tasks": torch.cat(tasks[kind])}, path)
        inputs[kind] = {"path": path.name, "sha256": file_digest(path)}
    config = {"file": "../configs/embedded_mt_baseline.toml"}
    document.update(
        {
            "phase": "start-states",
            "title": "Where start states are drawn from",
            "question": "Does it matter that runs share a file of start states?",
            "not_this": "a measurement, no phase of the log",
            "seeds": list(seeds[:_GROUP]),
            "extension_seeds": [],
            "reference_seeds": list(seeds[_GROUP:]),
            "inputs": inputs,
            "configs": {
                "own": {**config, "start_states": "", "transitions": [f"episodes-{task}" for task in TASKS]},
                **{kind: {**config, "start_states": kind} for kind in rows},
            },
        }
    )
    del document["recorded"]
    document["evaluation"].update({"every": 0, "plan": "none"})
    for key in ("curve_episodes", "plan_episodes"):
        del document["evaluation"][key]
    (folder / "embedded.toml").write_text(tomlkit.dumps(document))


def compared(own: list[float], other: list[float]) -> dict[str, float]:
    """Welch's comparison of two cells' means, and the ratio of their standard deviations."""
    test = stats.ttest_ind(other, own, equal_var=False)
    low, high = test.confidence_interval(0.95)
    return {
        "difference": round(float(np.mean(other) - np.mean(own)), 1),
        "low": round(float(low), 1),
        "high": round(float(high), 1),
        "p": round(float(test.pvalue), 4),
        "sd_ratio": round(float(np.std(other, ddof=1) / np.std(own, ddof=1)), 2),
        "p_of_equal_spreads": round(float(stats.levene(own, other).pvalue), 4),
    }


if __name__ == "__main__":
    main()
