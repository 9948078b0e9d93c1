"""Agent steps per second of the batched tasks against dm_control stepped singly, as a ratio measured in one run.

    python -m benchmarks.environments [--json] [--episodes N] [--rounds R] [TASK ...]

Both sides run on one core, in turns, on random actions. The dm_control side does what the agent's code does: float32
action to float64, two control steps with their rewards added, the observation flattened and cast to float32. Time is
the process's own CPU time (both sides have one thread), and of each side the fastest turn counts, so that other load on
the machine does not decide. Resets are not timed.
The physics share is what stepping MuJoCo alone costs of our time, on the same states and actions.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from importlib.metadata import version

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MUJOCO_GL", "disable")

import numpy as np

from rephase.environments import find_task, make
from rephase.runtime.machine import describe_machine

TARGETS = {"reacher-easy": 8.0, "cheetah-run": 4.0, "walker-stand": 1.5}
SECONDS = 0.1


def seconds_a_step(turn, steps):
    start = time.process_time()
    turn()
    return (time.process_time() - start) / steps


class Batched:
    def __init__(self, name, episodes):
        self.environment = make(name, episodes, threads=1)
        self.steps = max(5, round(SECONDS / episodes / 1e-4))
        self.actions = np.random.default_rng(0).uniform(-1, 1, (self.steps, episodes, 6)).astype(np.float32)

    def whole(self):
        self.environment.reset(range(self.environment.count))

        def turn():
            for action in self.actions:
                self.environment.step(action)

        return seconds_a_step(turn, self.steps * self.environment.count)

    def physics(self):
        task, physics = self.environment.task, self.environment.physics
        self.environment.reset(range(self.environment.count))
        control = physics.view("ctrl")

        def turn():
            for action in self.actions:
                control[:] = action[:, : task.action_size]
                physics.step(task.substeps)
                physics.step(task.substeps)

        return seconds_a_step(turn, self.steps * self.environment.count)


class Single:
    def __init__(self, name):
        from dm_control import suite

        domain, _, task = name.partition("-")
        self.environment = suite.load(
            {"cup": "ball_in_cup"}.get(domain, domain), task.replace("-", "_"), task_kwargs={"random": 0}
        )
        self.steps = 300
        size = self.environment.action_spec().shape[0]
        self.actions = np.random.default_rng(0).uniform(-1, 1, (self.steps, size)).astype(np.float32)

    def whole(self):
        self.environment.reset()

        def turn():
            for action in self.actions:
                control = -1 + (action.astype(np.float64) + 1)
                reward = 0.0
                for _ in range(2):
                    step = self.environment.step(control)
                    reward += step.reward
                np.concatenate([np.ravel(part) for part in step.observation.values()]).astype(np.float32)

        return seconds_a_step(turn, self.steps)


def measure(name, episodes, rounds):
    batched, single = Batched(name, episodes), Single(name)
    times = [(batched.whole(), single.whole(), batched.physics()) for _ in range(rounds)]
    ours, theirs, physics = np.min(times, axis=0)
    return {
        "task": name,
        "batched_steps_per_second": round(1 / ours),
        "dm_control_steps_per_second": round(1 / theirs),
        "ratio": round(theirs / ours, 2),
        "target": TARGETS.get(name),
        "physics_share": round(physics / ours, 3),
        "ratio_of_medians": round(
            float(np.median([row[1] for row in times]) / np.median([row[0] for row in times])), 2
        ),
        "ratio_if_only_physics_cost_time": round(theirs / physics, 2),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=list(TARGETS), metavar="TASK", help="stock tasks")
    parser.add_argument("--episodes", type=int, default=60, help="episodes in lockstep (a task of Phase 3: 6 x 10)")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    machine = describe_machine()
    rows = [measure(find_task(name).name, arguments.episodes, arguments.rounds) for name in arguments.tasks]
    report = {
        "machine": {"cpu": machine.cpu, "cores_used": 1, "system": machine.system, "python": machine.python},
        "versions": {name: version(name) for name in ("mujoco", "dm_control", "numpy")},
        "episodes": arguments.episodes,
        "rounds": arguments.rounds,
        "tasks": rows,
    }
    if arguments.json:
        print(json.dumps(report, indent=2))
        return
    print(f"{machine.cpu}, one core, {arguments.episodes} episodes in lockstep")
    for row in rows:
        aim = f", target {row['target']:g}x" if row["target"] else ""
        print(
            f"{row['task']:<24} {row['batched_steps_per_second']:>8} steps/s, dm_control"
            f" {row['dm_control_steps_per_second']:>6}, {row['ratio']:.2f}x{aim}; physics {row['physics_share']:.0%}"
        )


if __name__ == "__main__":
    main()
