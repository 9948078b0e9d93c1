"""How commands that read many records grow: seconds for N records and for twice as many.

Writes a project whose phase has N runs (two configs, three tasks, N/6 seeds) and two folders of made-up records of the
length real ones have, through the real store; records the one and looks at the other. Linear is a ratio of 2 or less
from one size to the next; the least a command takes, mostly importing, is measured with six runs and taken off.

    python -m benchmarks.growth [--records 500 1000] [--rows 60] [--folder FOLDER] [--json]
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import tomlkit

from rephase.cli.main import main as rephase
from rephase.manifest import Phase, Run
from rephase.manifest.record import CurvePoint, Record
from rephase.reproduction.phases import open_phase
from rephase.reproduction.storing import Store
from rephase.runtime.machine import describe_machine

ROOT = Path(__file__).parents[1]
COMMANDS = ("record", "status", "show", "check", "report", "log")
_COLUMNS = ("actor_grad_norm", "actor_loss", "actor_stddev", "critic_grad_norm", "target_mean", "value_loss")
_SMALLEST = 6


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--records", type=int, nargs="+", default=[500, 1000], help="sizes, each twice the one before")
    parser.add_argument("--rows", type=int, default=60, help="rows of training metrics in each record")
    parser.add_argument("--folder", type=Path, help="where it is written and removed again")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    sizes = [_SMALLEST, *arguments.records]
    found = [measure(count, arguments.rows, arguments.folder) for count in sizes]
    result = {
        "what": "seconds of commands by number of records",
        "cpu": describe_machine().cpu,
        "rows": arguments.rows,
        "growth": found,
        "ratios": ratios(found),
    }
    print(json.dumps(result, indent=2) if arguments.json else text(result))


def measure(count: int, rows: int, folder: Path | None = None) -> dict[str, Any]:
    """Wall and processor seconds of each command over this many records.

    Args:
        count: Number of records.
        rows: Rows of training metrics in each.
        folder: Where they are written; the system's temporary folder by default.
    """
    place = Path(tempfile.mkdtemp(dir=folder))
    try:
        phase = make_phase(place, count)
        fill(Store(place / "first", phase), rows, 0)
        fill(Store(place / "second", phase), rows, 1)
        took = {}
        for command in COMMANDS:
            runs = place / ("first" if command == "record" else "second")
            took[command] = timed([command, "growth", "--project", str(place), "--runs", str(runs)])
        return {"records": len(phase.runs()), "commands": took}
    finally:
        shutil.rmtree(place)


def make_phase(place: Path, count: int) -> Phase:
    """The embedded Phase 3 with as many seeds as make this many runs."""
    shutil.copytree(ROOT / "reproductions/configs", place / "reproductions/configs")
    document = tomlkit.parse((ROOT / "reproductions/phase3/embedded.toml").read_text())
    document["phase"] = "growth"
    document["seeds"] = list(range(1, 1 + -(-count // 6)))
    document["extension_seeds"] = []
    document["reference_seeds"] = []
    path = place / "reproductions/growth/embedded.toml"
    path.parent.mkdir()
    path.write_text(tomlkit.dumps(document))
    return open_phase("growth", "embedded", place)


def fill(store: Store, rows: int, side: int) -> None:
    """Complete every run of a phase."""
    draws = random.Random(side)
    for run in store.phase.runs():
        store.folder_of(run).mkdir(parents=True)
        policy = f"{run.label} of {side}".encode()
        store.policy_path(run).write_bytes(policy)
        store.write_record(_record(store.phase, run, rows, draws, policy))


def _record(phase: Phase, run: Run, rows: int, draws: random.Random, policy: bytes) -> Record:
    epochs = phase.algorithm(run.config).epochs
    evaluation = phase.manifest.evaluation
    level = 200.0 + 100.0 * phase.manifest.tasks.index(run.task) + draws.gauss(0.0, 15.0)

    def episodes(share: float, count: int) -> tuple[float, ...]:
        return tuple(min(1000.0, max(0.0, share * level + draws.gauss(0.0, 40.0))) for _ in range(count))

    last = episodes(1.0, evaluation.episodes)
    curve = [(epoch, episodes(epoch / epochs, 5)) for epoch in range(0, epochs, evaluation.every or epochs)] + [
        (epochs, last)
    ]
    return Record(
        phase="growth",
        scale="embedded",
        config=run.config,
        task=run.task,
        seed=run.seed,
        manifest_digest=phase.digest,
        config_digest=phase.config_digest(run.config),
        resolved=phase.resolved(run.config),
        inputs={name: one.sha256 for name, one in phase.inputs_of(run.config).items()},
        reward=sum(last) / len(last),
        episode_returns=last,
        curve=tuple(CurvePoint(epoch=e, reward=sum(got) / len(got), episode_returns=got) for e, got in curve),
        metrics={
            "epoch": tuple(float(epochs * (row + 1) // rows) for row in range(rows)),
            **{name: tuple(draws.random() for _ in range(rows)) for name in _COLUMNS},
        },
        epochs=epochs,
        policy_file="policy.safetensors",
        policy_sha256="sha256:" + hashlib.sha256(policy).hexdigest(),
        wall_seconds=10.0,
        provenance={"code": {"version": "0"}, "machine": {"cpu": "made up", "cores": 2}, "job": ""},
    )


def timed(words: list[str]) -> dict[str, float]:
    """Wall and processor seconds of a command given in this process."""
    wall, processor = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
        code = rephase(words)
    took = {"wall_s": time.perf_counter() - wall, "processor_s": time.process_time() - processor}
    if code not in (0, 1, 4):
        raise SystemExit(f"rephase {' '.join(words)} ended {code}: {said.getvalue()}")
    return took


def ratios(found: list[dict[str, Any]]) -> dict[str, float]:
    """By how much each command's processor time grew from the last size but one to the last, the least taken off."""
    if len(found) < 3:
        return {}
    least, before, after = (one["commands"] for one in (found[0], *found[-2:]))

    def over(one: dict[str, Any], name: str) -> float:
        return max(1e-3, float(one[name]["processor_s"] - least[name]["processor_s"]))

    return {name: over(after, name) / over(before, name) for name in COMMANDS}


def text(result: dict[str, Any]) -> str:
    """The result as a table."""
    lines = [" ".join(["records".rjust(8), *(name.rjust(8) for name in COMMANDS)])]
    for one in result["growth"]:
        cells = (f"{one['commands'][name]['processor_s']:8.2f}" for name in COMMANDS)
        lines.append(" ".join([str(one["records"]).rjust(8), *cells]))
    lines.append(" ".join(["ratio".rjust(8), *(f"{value:8.2f}" for value in result["ratios"].values())]))
    return "\n".join(lines)


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "agg")
    sys.exit(main())
