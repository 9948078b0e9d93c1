"""Records with made-up figures, as runs of a phase would leave them."""

from __future__ import annotations

import hashlib

from rephase.manifest import Phase, Run
from rephase.manifest.record import CurvePoint, Record
from rephase.manifest.writing import write_atomically
from rephase.reproduction.storing import Store


def record_of(phase: Phase, run: Run, **changes: object) -> Record:
    reward = 500.0 + 100 * len(run.task) % 90 + run.seed % 7
    returns = (reward - 1, reward + 1)
    epochs = phase.algorithm(run.config).epochs
    values: dict[str, object] = {
        "phase": phase.manifest.phase,
        "scale": str(phase.manifest.scale),
        "config": run.config,
        "task": run.task,
        "seed": run.seed,
        "manifest_digest": phase.digest,
        "config_digest": phase.config_digest(run.config),
        "resolved": phase.resolved(run.config),
        "inputs": {name: one.sha256 for name, one in phase.inputs_of(run.config).items()},
        "reward": reward,
        "episode_returns": returns,
        "curve": (CurvePoint(epoch=epochs, reward=reward, episode_returns=returns),),
        "epochs": epochs,
        "policy_file": "policy.safetensors",
        "policy_sha256": "sha256:" + hashlib.sha256(run.label.encode()).hexdigest(),
        "provenance": {},
    }
    return Record(**(values | changes))


def write(store: Store, runs: tuple[Run, ...], **changes: object) -> None:
    for run in runs:
        record = record_of(store.phase, run, **changes)
        write_atomically(store.policy_path(run), run.label)
        store.write_record(record)
