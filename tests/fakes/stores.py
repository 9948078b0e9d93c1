"""A phase at the logged scale with records as a run writes them; their figures are made up near the log's own."""

import hashlib
from pathlib import Path

from rephase.manifest.record import CurvePoint, Record
from rephase.reproduction.checking import recorded_outcomes
from rephase.reproduction.phases import open_phase
from rephase.reproduction.storing import RunState, State, Store

ROOT = Path(__file__).parents[2]
_NUDGES = {42: 1.5, 123: -3.0, 456: 0.75}


def _record(phase, run, reward):
    episodes = tuple(round(min(990.0, max(0.0, reward + step)), 2) for step in (-2.0, 0.5, 1.5))
    mean = sum(episodes) / 3
    return Record(
        phase="phase3",
        scale="logged",
        config=run.config,
        task=run.task,
        seed=run.seed,
        manifest_digest=phase.digest,
        config_digest=phase.config_digest(run.config),
        resolved=phase.resolved(run.config),
        inputs={"world-model": phase.input("world-model").sha256, "mt30-store": "sha256:" + "1" * 64},
        reward=mean,
        plan_reward=mean + _NUDGES[run.seed],
        episode_returns=episodes,
        plan_episode_returns=tuple(value + _NUDGES[run.seed] for value in episodes),
        curve=(
            *(CurvePoint(epoch=e, reward=mean * e / 10_000, episode_returns=()) for e in (0, 2000, 5000)),
            CurvePoint(epoch=10_000, reward=mean, episode_returns=episodes),
        ),
        epochs=10_000,
        policy_file="policy.safetensors",
        policy_sha256="sha256:" + hashlib.sha256(b"policy").hexdigest(),
        wall_seconds=12.5,
        provenance={"code": {"version": "0.1.0"}, "machine": {"cpu": "an <odd> CPU & more", "cores": 2}, "job": ""},
    )


def write_store(folder, count=18, scale=1.0):
    """A store in which the first `count` runs are complete, the next one failed and the others never began."""
    phase = open_phase("phase3", "logged", ROOT)
    store = Store(folder, phase)
    recorded = {outcome.run: outcome.reward for outcome in recorded_outcomes(phase).judged}
    for index, run in enumerate(phase.runs()):
        if index >= count:
            if index == count:
                store.write_state(run, RunState(state=State.FAILED, reason="not finite: actor gradient norm"))
            continue
        store.folder_of(run).mkdir(parents=True)
        (store.folder_of(run) / "policy.safetensors").write_bytes(b"policy")
        reward = scale * recorded[run.config, run.task, run.seed] + _NUDGES[run.seed]
        store.write_record(_record(phase, run, reward))
    return store
