"""Can the verdict tell a damaged world model from an honest repetition? ``python -m recipe.damaged``.

Three phases are written into a project of their own, run, and judged against the recorded outcomes of Phase 3: one with
noise of 5% on every weight, one with the reward head's bins shuffled, and one with nothing damaged but other seeds.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rephase.engine.checkpoints import read_tensors, write_tensors
from rephase.engine.seeding import stream

__all__ = ["FRESH_SEEDS", "SHARE_OF_SPREAD", "add_noise", "judge", "shuffle_bins", "write_project"]

SHARE_OF_SPREAD = 0.05
"""Standard deviation of the noise, as a part of the standard deviation of the tensor it falls on."""

FRESH_SEEDS = (7, 8, 9)
"""Seeds of the honest repetition; nothing of the recipe was made with them."""

_REPRODUCTIONS = Path(__file__).parents[2]
_SEED = 1


def add_noise(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights moved by noise; buffers, which no training moves, stay."""
    generator = stream(_SEED, "damage")
    return {
        name: value + SHARE_OF_SPREAD * value.std() * torch.randn(value.shape, generator=generator)
        if value.is_floating_point() and value.numel() > 1
        else value
        for name, value in sorted(tensors.items())
    }


def shuffle_bins(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights with the bins of the reward head's last layer in random order."""
    names = sorted(name for name in tensors if name.startswith("_reward."))
    last = max(names, key=lambda name: int(name.split(".")[1])).rsplit(".", 1)[0]
    order = torch.randperm(tensors[f"{last}.weight"].shape[0], generator=stream(_SEED, "damage"))
    return tensors | {f"{last}.{part}": tensors[f"{last}.{part}"][order] for part in ("weight", "bias")}


def write_project(folder: Path) -> dict[str, Path]:
    """Write the three phases.

    Args:
        folder: A new project; deleted first.

    Returns:
        Manifest of each phase, by its name.
    """
    shutil.rmtree(folder, ignore_errors=True)
    ours = folder / "reproductions"
    for name in ("configs", "phase3"):
        shutil.copytree(_REPRODUCTIONS / name, ours / name)
    (ours / "embedded").mkdir()
    for path in (_REPRODUCTIONS / "embedded").glob("*.safetensors"):
        shutil.copy(path, ours / "embedded" / path.name)
    model = ours / "embedded/world_model.safetensors"
    tensors, metadata = read_tensors(model)
    text = (ours / "phase3/embedded.toml").read_text()
    text = text.replace('recorded = "', 'recorded = "../phase3/')
    phases = {"honest-rerun": re.sub(r"(?m)^seeds = .*$", f"seeds = {list(FRESH_SEEDS)}", text)}
    for name, damage in (("noise-on-weights", add_noise), ("bins-shuffled", shuffle_bins)):
        file = f"world_model-{name}.safetensors"
        digest = write_tensors(ours / "embedded" / file, damage(tensors), metadata)
        swapped = text.replace("/world_model.safetensors", f"/{file}")
        first = swapped.index("[inputs.world-model]")
        phases[name] = swapped[:first] + re.sub(r'sha256 = ".*"', f'sha256 = "{digest}"', swapped[first:], count=1)
    manifests = {}
    for name, content in phases.items():
        manifests[name] = ours / name / "embedded.toml"
        manifests[name].parent.mkdir()
        manifests[name].write_text(content.replace('phase = "phase3"', f'phase = "{name}"'))
    return manifests


def judge(manifest: Path, runs: Path) -> dict[str, Any]:
    """Run one phase and let `rephase check` judge it.

    Args:
        manifest: Its manifest.
        runs: Folder its runs go to.

    Returns:
        ``decision`` and ``reason`` of the verdict, and for each cell means and what was decided, ready for JSON.
    """
    rephase = [sys.executable, "-m", "rephase"]
    subprocess.run([*rephase, "run", str(manifest), "--runs", str(runs)], check=True)
    # What the verdict is decides the exit code of a check; only JSON on standard output tells that it worked.
    found = subprocess.run(
        [*rephase, "check", str(manifest), "--runs", str(runs), "--json"], stdout=subprocess.PIPE, check=False
    )
    verdict = json.loads(found.stdout)
    return {
        "decision": verdict["decision"],
        "reason": verdict["reason"],
        "cells": [
            {name: cell[name] for name in ("config", "task", "recorded", "reproduced", "decision")}
            for cell in verdict["cells"]
        ],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="recipe.damaged", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("work/damaged"), help="where the phases and runs lie")
    parser.add_argument("--out", type=Path, default=Path("work/damaged/damaged.json"), help="file of the verdicts")
    given = parser.parse_args()
    verdicts = {name: judge(manifest, given.folder / "runs") for name, manifest in write_project(given.folder).items()}
    given.out.write_text(json.dumps(verdicts, indent=2, sort_keys=True) + "\n")
    for name, verdict in verdicts.items():
        print(f"{name}: {verdict['decision']}, {verdict['reason']}")
