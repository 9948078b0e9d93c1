"""What each installed integrator costs and changes on Phase 3's embedded flow policy.

Run it as ``python benchmarks/integrators.py --runs RUNS [--out FILE]`` with a runs folder that holds completed runs of
Phase 3's embedded flow policy. It measures, for each integrator: the order of convergence on a problem with a known
answer; velocity evaluations of one action; processor time of one epoch of one run, as a ratio to Heun's method in the
same run of this script, all methods taking turns; and how far deterministic actions of the trained policies are from
those of a fine solution (RK4, 64 substeps). ``docs/how-to/choose-an-integrator.md`` shows the result.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from pathlib import Path

import torch
from attrs import evolve

from rephase.engine import integrate
from rephase.engine.checkpoints import read_tensors
from rephase.engine.cohort import Cohort, Member
from rephase.environments import SPACES, find_task
from rephase.manifest.record import read_record
from rephase.plugins import Kind
from rephase.plugins.registry import discover
from rephase.reproduction.composing import Part, build_policy, compose
from rephase.reproduction.loading import load_start_states, load_world_model
from rephase.reproduction.phases import open_phase, tasks_of
from rephase.reproduction.storing import Store
from rephase.reproduction.trained import find_run

PROJECT = Path(__file__).parents[1]
VARIANTS = [
    ("euler", 1),
    ("euler", 2),
    ("euler", 4),
    ("heun", 1),
    ("heun", 2),
    ("heun", 4),
    ("midpoint", 2),
    ("rk4", 1),
    ("rk4", 2),
    ("adaptive-heun", 1),
    ("bosh3", 1),
    ("dopri5", 1),
]
LOGGED = ("heun", 2)
FINE = ("rk4", 64)
SEED, STATES = 42, 512
FREQUENCIES = (1.0, 2.0, 3.0, 4.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, required=True, help="runs folder with Phase 3's embedded flow policies")
    parser.add_argument("--epochs", type=int, default=3, help="epochs timed of each integrator")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    bench = Bench()
    rows = {variant: {"integrator": variant[0], "substeps": variant[1]} for variant in VARIANTS}
    for variant, row in rows.items():
        row["order"] = order(bench.integrator(*variant))
    for variant, found in bench.differences(arguments.runs).items():
        rows[variant] |= found
    times = bench.times(arguments.epochs)
    for variant, row in rows.items():
        row["epoch_ratio"] = times[variant] / times[LOGGED]
    measured = {
        "config": "flowpolicy of phase3, embedded, one run",
        "epochs": arguments.epochs,
        "states": STATES,
        "tasks": list(bench.tasks),
        "seed": SEED,
        "threads": 1,
        "torch": torch.__version__,
        "unit": "least processor time of an epoch over that of heun with 2 substeps",
        "rows": list(rows.values()),
    }
    text = json.dumps(measured, indent=2) + "\n"
    if arguments.out:
        arguments.out.write_text(text)
    print(text, end="")


class Bench:
    """Phase 3's embedded flow policy with any integrator."""

    def __init__(self):
        self.phase = open_phase("phase3", "embedded", PROJECT)
        self.registry = discover()
        self.tasks = self.phase.manifest.tasks
        self.composition = compose(self.phase, self.registry, ["flowpolicy"])["flowpolicy"]
        use = self.phase.manifest.configs["flowpolicy"]
        inputs = {name: self.phase.manifest.inputs[name].sha256 for name in (use.world_model, use.start_states)}
        self.model = load_world_model(self.composition, self.phase.path_of(use.world_model), inputs[use.world_model])
        self.starts = load_start_states(
            self.phase.path_of(use.start_states), inputs[use.start_states], tasks_of(self.phase)
        )

    def part(self, name, substeps):
        """The flow policy's part with another integrator."""
        offered = self.registry.find(Kind.INTEGRATOR, name)
        integrator = Part(offered, offered.offer.config())
        policy = self.composition.policy
        return evolve(policy, integrator=integrator, settings=evolve(policy.settings, substeps=substeps))

    def integrator(self, name, substeps):
        part = self.part(name, substeps).integrator
        return part.offered.offer.load()(part.settings)

    def policy(self, variant):
        return build_policy(self.part(*variant), self.model.latent_size(), SPACES.action)

    def differences(self, runs):
        """Largest and typical difference of actions to the fine solution's, and evaluations of one action."""
        found = {variant: {"rms": [], "largest": [], "evaluations": []} for variant in VARIANTS}
        for task in self.tasks:
            (run,) = self.phase.select("flowpolicy", task, SEED)
            folder = find_run(str(Store(runs, self.phase).folder_of(run)), runs)
            record = read_record(folder / "record.json")
            tensors, _ = read_tensors(folder / record.policy_file, record.policy_sha256)
            rows = torch.full((STATES,), find_task(task).index)
            with torch.no_grad():
                self.model.constrain(rows)
                latent = self.model.encode(self.starts[task][:STATES], rows)
                fine, _ = self.actions(FINE, tensors, latent)
                for variant in VARIANTS:
                    action, evaluations = self.actions(variant, tensors, latent)
                    gap = (action - fine)[:, : find_task(task).action_size]
                    found[variant]["rms"].append(float(gap.square().mean().sqrt()))
                    found[variant]["largest"].append(float(gap.abs().max()))
                    found[variant]["evaluations"].append(evaluations)
        return {
            variant: {
                "evaluations": max(one["evaluations"]),
                "rms": math.sqrt(statistics.fmean(value**2 for value in one["rms"])),
                "largest": max(one["largest"]),
            }
            for variant, one in found.items()
        }

    def actions(self, variant, tensors, latent):
        policy = self.policy(variant)
        policy.load_state_dict(tensors)
        calls, velocity = [], policy.velocity
        policy.velocity = lambda *words: (calls.append(1), velocity(*words))[1]
        return policy.mean(latent).tanh(), len(calls)

    def times(self, epochs):
        """Least processor seconds of an epoch of each variant; they take turns, so that a busy machine is fair."""
        algorithm = self.phase.algorithm("flowpolicy")
        task = self.tasks[1]
        cohorts = {}
        for variant in VARIANTS:
            part = self.part(*variant)
            cohorts[variant] = Cohort(
                world_model=self.model,
                build_policy=lambda part=part: build_policy(part, self.model.latent_size(), SPACES.action),
                algorithm=algorithm,
                members=[Member(find_task(task).index, SEED)],
                experience={find_task(name).index: rows for name, rows in self.starts.items()},
                spaces=SPACES,
                stackable=part.stackable,
            )
        seconds = {variant: [] for variant in VARIANTS}
        for turn in range(epochs + 1):
            for variant, cohort in cohorts.items():
                began = time.process_time()
                cohort.advance(1)
                if turn:  # the first warms up
                    seconds[variant].append(time.process_time() - began)
        return {variant: min(values) for variant, values in seconds.items()}


def order(method):
    """Slope of the error on dx/dtau = 1.5 cos(omega tau) x; None for a method that chooses its own steps."""
    if method.evaluations_per_step() is None:
        return None
    omega = torch.tensor(FREQUENCIES, dtype=torch.float64)
    answer = torch.exp(1.5 * torch.sin(omega) / omega)

    def error(steps):
        end = integrate(method, lambda x, tau: 1.5 * torch.cos(omega * tau) * x, torch.ones_like(omega), steps)
        return float((end - answer).norm() / answer.norm())

    return math.log2(error(32) / error(128)) / 2


if __name__ == "__main__":
    main()
