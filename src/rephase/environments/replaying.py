"""Recompute everything a golden file holds: by five routes, each with the tolerance the format gives it.

* ``reset`` and ``reset2``: two starts drawn one after the other from the seed's stream;
* ``trajectory``: all recorded actions from the recorded first state;
* ``steps``: one agent step from every recorded state, all at once;
* ``probe``: one agent step from every hand-made state, all at once.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from rephase.environments.domains import open_domain
from rephase.environments.environment import TaskEnvironment
from rephase.environments.stepping import open_physics
from rephase.environments.tasks import ACTION_REPEAT, EPISODE_STEPS, SPACES, Task

__all__ = ["INPUTS", "STATES", "Recomputed", "facts", "replay"]

INPUTS = ("action", "probe_action", "probe_qpos", "probe_qvel", "probe_target")
"""Keys that are given, not checked."""

STATES = ("state_qpos", "state_qvel", "state_qacc_warmstart", "state_time")
"""Keys that are checked, and that other checks start from."""

_STATE = ("qpos", "qvel", "act", "qacc_warmstart", "time")
_EXACT, _CLOSE, _OBSERVATION, _REWARD, _DERIVED = 0.0, 1e-9, 1e-5, 1e-6, 1e-5
"""Tolerances: of sparse rewards; of starts and single steps; of trajectories; of forces, relative to the largest."""

_FORCES = ("qacc_warmstart", "sensordata")
"""Quantities with large numbers in them, compared relatively."""

Arrays = Mapping[str, NDArray[Any]]


@frozen(kw_only=True)
class Recomputed:
    """One recomputed quantity.

    Args:
        quantity: Route and key, such as ``trajectory/obs64``.
        key: Key of the expected values in the file.
        values: What was computed here.
        tolerance: How far it may be off.
        relative: Whether that is relative to the largest expected magnitude.
        rows: Which rows of the file's array are meant.
    """

    quantity: str
    key: str
    values: NDArray[Any]
    tolerance: float
    relative: bool = False
    rows: Any = ...


def replay(task: Task, arrays: Arrays, seed: int) -> list[Recomputed]:
    """Recompute a file.

    Args:
        task: The file's task.
        arrays: Its contents; all of `INPUTS` but ``probe_target`` and all of `STATES` are there.
        seed: Seed of its environment.

    Returns:
        Every quantity that the file holds and that can be recomputed.
    """
    reward_tolerance = _EXACT if task.sparse else _REWARD
    found = [
        *_starts(task, arrays, seed),
        *_trajectory(task, arrays, reward_tolerance),
        *_steps(task, arrays, min(reward_tolerance, _CLOSE)),
        *_probes(task, arrays, min(reward_tolerance, _CLOSE)),
    ]
    return [one for one in found if one.key in arrays]


def facts(task: Task) -> dict[str, Any]:
    """Return what ``meta.json`` may say of a task, by its keys there, as the model compiled here has it."""
    model = open_domain(task).model(task)
    counts = {
        "geom": model.ngeom,
        "site": model.nsite,
        "body": model.nbody,
        "joint": model.njnt,
        "sensor": model.nsensor,
    }
    return (
        {f"{kind}_names": [getattr(model, kind)(at).name for at in range(n)] for kind, n in counts.items()}
        | {
            "index": task.index,
            "obs_dim": task.observation_size,
            "action_dim": task.action_size,
            "max_episode_steps": EPISODE_STEPS,
            "action_repeat": ACTION_REPEAT,
            "native_low": model.actuator_ctrlrange[:, 0].tolist(),
            "native_high": model.actuator_ctrlrange[:, 1].tolist(),
            "physics_dt": model.opt.timestep,
            "n_sub_steps": task.substeps,
            "integrator": int(model.opt.integrator),
        }
        | {key: getattr(model, key) for key in ("nq", "nv", "nu", "na", "nsensordata")}
    )


def _starts(task: Task, arrays: Arrays, seed: int) -> list[Recomputed]:
    environment = TaskEnvironment(task, 1)
    first = _start(environment, environment.reset([seed]), arrays, "")
    return first + _start(environment, environment.reset(), arrays, "reset2_")


def _start(environment: TaskEnvironment, shown: NDArray[np.float32], arrays: Arrays, prefix: str) -> list[Recomputed]:
    """Return what a file holds of one start: the first, under the trajectory's row 0, or the one with a prefix."""
    state = prefix or "state_"
    begun: dict[str, NDArray[Any]] = {f"{state}{field}": environment.physics.view(field)[0] for field in _STATE}
    begun[f"{prefix}obs"] = shown[0, : environment.task.observation_size]
    begun[f"{prefix}obs64"] = environment.domain.observation()[0]
    fixed: dict[str, NDArray[Any]] = {}
    if environment.domain.target is not None:
        fixed[f"{prefix}target"] = environment.domain.target[0]
    dressed = _dressed(environment)
    for key in arrays:
        field = key.removeprefix(f"{prefix}model_")
        if field != key and hasattr(dressed, field):
            fixed[key] = getattr(dressed, field)
    row = ... if prefix else 0
    found = [(key, values, row) for key, values in begun.items()] + [
        (key, values, ...) for key, values in fixed.items()
    ]
    return [
        Recomputed(
            quantity=key if prefix else f"reset/{key}",
            key=key,
            values=np.array(values),
            **_tolerance(key, _CLOSE),
            rows=rows,
        )
        for key, values, rows in found
    ]


def _trajectory(task: Task, arrays: Arrays, reward_tolerance: float) -> list[Recomputed]:
    drawn = TaskEnvironment(task, 1)
    _place(drawn, arrays, slice(0, 1))
    # The target goes into the model as well, for the sensors that look at it.
    environment = TaskEnvironment(task, 1, physics=open_physics(_dressed(drawn), 1))
    _place(environment, arrays, slice(0, 1))
    seen = {key: [values] for key, values in _seen(environment).items()}
    rewards, done = [], []
    for action in arrays["action"]:
        observation, _, over = environment.step(_padded(action[None]))
        done.append(over)
        rewards.append(environment.control_rewards[0].copy())
        for key, values in _seen(environment, observation).items():
            seen[key].append(values)
    found = [
        Recomputed(quantity=f"trajectory/{key}", key=key, values=np.concatenate(rows), **_tolerance(key, _OBSERVATION))
        for key, rows in seen.items()
    ]
    reward_sub = np.array(rewards).reshape(-1, ACTION_REPEAT)
    return [
        *found,
        Recomputed(quantity="trajectory/reward_sub", key="reward_sub", values=reward_sub, tolerance=reward_tolerance),
        Recomputed(
            quantity="trajectory/reward", key="reward", values=reward_sub.sum(axis=1), tolerance=reward_tolerance
        ),
        Recomputed(quantity="trajectory/done", key="done", values=np.array(done, dtype=bool), tolerance=_EXACT),
    ]


def _steps(task: Task, arrays: Arrays, reward_tolerance: float) -> list[Recomputed]:
    actions = arrays["action"]
    environment = TaskEnvironment(task, len(actions))
    _place(environment, arrays, slice(0, len(actions)))
    observation, reward, _ = environment.step(_padded(actions))
    after = {key: values for key, values in _seen(environment, observation).items() if key != "sensordata"}
    return [
        *(
            Recomputed(quantity=f"steps/{key}", key=key, values=values, **_tolerance(key, _CLOSE), rows=slice(1, None))
            for key, values in after.items()
        ),
        Recomputed(quantity="steps/reward", key="reward", values=reward, tolerance=reward_tolerance),
    ]


def _probes(task: Task, arrays: Arrays, reward_tolerance: float) -> list[Recomputed]:
    environment = TaskEnvironment(task, len(arrays["probe_action"]))
    state = {"qpos": arrays["probe_qpos"], "qvel": arrays["probe_qvel"]}
    environment.place(state, arrays.get("probe_target"))
    before = environment.domain.observation()
    observation, reward, _ = environment.step(_padded(arrays["probe_action"]))
    computed: dict[str, NDArray[Any]] = {
        "probe_obs0": before.astype(np.float32),
        "probe_obs0_64": before,
        "probe_obs": observation[:, : task.observation_size],
        "probe_obs64": environment.domain.observation(),
        "probe_qpos_next": environment.domain.qpos,
        "probe_qvel_next": environment.domain.qvel,
    }
    found = [
        Recomputed(quantity=key, key=key, values=values, **_tolerance(key, _CLOSE)) for key, values in computed.items()
    ]
    rewards = {"probe_reward": reward, "probe_reward_sub": environment.control_rewards}
    return found + [
        Recomputed(quantity=key, key=key, values=values, tolerance=reward_tolerance) for key, values in rewards.items()
    ]


def _place(environment: TaskEnvironment, arrays: Arrays, rows: slice) -> None:
    """Put an environment's episodes into the recorded states of a file's rows."""
    state = {key.removeprefix("state_"): arrays[key][rows] for key in STATES}
    environment.place(state, arrays.get("target"))


def _seen(environment: TaskEnvironment, observation: NDArray[np.float32] | None = None) -> dict[str, NDArray[Any]]:
    """Return copies of what a file records at an instant, by key, each (N, ...)."""
    exact = environment.domain.observation()
    own: NDArray[Any] = (
        exact.astype(np.float32) if observation is None else observation[:, : environment.task.observation_size]
    )
    state = {f"state_{field}": environment.physics.view(field).copy() for field in _STATE}
    return {"obs": own, "obs64": exact, "sensordata": environment.physics.view("sensordata").copy()} | state


def _dressed(environment: TaskEnvironment) -> Any:
    """Return a copy of the model with the target of the environment's first episode in its place."""
    model = copy.copy(environment.physics.model)
    environment.domain.dress(model, 0)
    return model


def _padded(actions: NDArray[np.float32]) -> NDArray[np.float32]:
    padded = np.zeros((len(actions), SPACES.action), dtype=np.float32)
    padded[:, : actions.shape[1]] = actions
    return padded


def _tolerance(key: str, otherwise: float) -> dict[str, Any]:
    """A key's tolerance and whether it is relative, as `Found` takes them; float32 is never held to 1e-9."""
    if key.endswith(_FORCES):
        return {"tolerance": _DERIVED, "relative": True}
    return {"tolerance": _OBSERVATION if key.endswith(("obs", "obs0")) else otherwise}
