"""Files nobody shipped: made here from dm_control's own stepping, with other seeds, lengths and numbers of probes."""

import json

import numpy as np
import pytest

from rephase.environments import find_task
from rephase.environments.vectors import check_folder

from .originals import Original

FIELDS = ("qpos", "qvel", "act", "qacc_warmstart", "time")


class Recorder:
    """Writes down what a golden file holds while an original is stepped."""

    def __init__(self, suite, name, seed):
        self.original = Original(suite, name, seed)
        self.physics = self.original.environment.physics
        self.rows = {}

    def see(self, observation):
        now = {f"state_{field}": np.array(getattr(self.physics.data, field)) for field in FIELDS}
        now |= {"obs64": observation, "obs": observation.astype(np.float32)}
        now["sensordata"] = np.array(self.physics.data.sensordata)
        for key, value in now.items():
            self.rows.setdefault(key, []).append(value)

    def target(self):
        kinds = ("geom", "site") if self.original.task.domain not in ("acrobot", "cup") else ()
        for kind in kinds:
            names = [self.physics.model.id2name(at, kind) for at in range(getattr(self.physics.model, f"n{kind}"))]
            if "target" in names:
                return {"target": np.array(getattr(self.physics.named.data, f"{kind}_xpos")["target"])}
        return {}


def record(suite, name, seed, steps, probes):
    """Return the arrays of a golden file, without the model's."""
    recorder, draw = Recorder(suite, name, seed), np.random.default_rng(seed)
    size = recorder.original.task.action_size
    actions = draw.uniform(-1, 1, (steps, size)).astype(np.float32)
    recorder.see(recorder.original.reset())
    target = recorder.target() if name not in ("finger-spin",) else {}
    rewards = []
    for action in actions:
        observation, reward = recorder.original.step(action)
        recorder.see(observation)
        rewards.append(reward)
    arrays = {key: np.array(rows) for key, rows in recorder.rows.items()}
    arrays |= {"action": actions, "reward": np.array(rewards), "done": np.zeros(steps, dtype=bool)} | target
    again = recorder.original.reset()
    arrays |= {"reset2_obs": again.astype(np.float32), "reset2_qpos": np.array(recorder.physics.data.qpos)}
    return arrays | probe(recorder, target, actions[:probes])


def probe(recorder, target, actions):
    """One agent step from disturbed states, each near where the one before has led; the second start's target stays."""
    physics, kept = recorder.physics, {key: [] for key in ("obs0_64", "obs64", "reward", "qpos", "qvel", "qpos_next")}
    target = recorder.target() if target else {}
    for at, action in enumerate(actions):
        qpos, qvel = np.array(physics.data.qpos), np.full(physics.model.nv, 0.02 * at)
        qpos[-1] += 0.1 * at
        with physics.reset_context():
            physics.data.qpos[:], physics.data.qvel[:] = qpos, qvel
        kept["qpos"].append(qpos)
        kept["qvel"].append(qvel)
        task = recorder.original.environment.task
        kept["obs0_64"].append(np.concatenate([np.ravel(part) for part in task.get_observation(physics).values()]))
        observation, reward = recorder.original.step(action)
        kept["obs64"].append(observation)
        kept["reward"].append(reward)
        kept["qpos_next"].append(np.array(physics.data.qpos))
    arrays = {f"probe_{key}": np.array(rows) for key, rows in kept.items()} | {"probe_action": actions}
    if target:
        arrays["probe_target"] = np.repeat(target["target"][None], len(actions), axis=0)
    return arrays


@pytest.mark.parametrize(
    ("name", "seed", "steps", "probes"),
    [
        ("finger-turn-easy", 5, 12, 4),
        ("fish-swim", 6, 7, 3),
        ("cup-spin", 7, 9, 2),
        ("cheetah-run-front", 8, 11, 5),
        ("reacher-three-hard", 9, 5, 5),
        ("walker-run-backwards", 10, 20, 1),
    ],
)
def test_a_file_of_another_seed_and_size_is_reproduced(name, seed, steps, probes, suite, quiet_folder):
    np.savez_compressed(quiet_folder / f"{name}.npz", **record(suite, name, seed, steps, probes))
    stated = {"task": name, "index": find_task(name).index}
    (quiet_folder / "meta.json").write_text(json.dumps({"seed": seed, "tasks": [stated]}))

    checks = check_folder(quiet_folder)

    assert [check for check in checks if not check.ok] == []
    assert {check.max_abs for check in checks} == {0.0}
    assert len(checks) > 20
