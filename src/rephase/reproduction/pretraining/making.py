"""A phase for tasks that no shipped model knows: episodes, a small world model, start states, and the manifest.

Random episodes come first; then rounds, as in the recipe of the shipped model: fresh policies are extracted in the
latest model and played in the real tasks, and the model is fitted on with what they did. Everything lies in a folder of
unfinished work until the end, so that the same call goes on where an earlier one was stopped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from attrs import asdict, evolve, frozen
from torch import Tensor

from rephase.engine.checkpoints import read_tensors, write_tensors
from rephase.engine.cohort import Cohort, Member
from rephase.engine.pretraining import Pretraining
from rephase.engine.seeding import stream
from rephase.environments import TaskSet, find_task
from rephase.errors import UsageError
from rephase.manifest.algorithm import Arithmetic
from rephase.manifest.hashing import plain
from rephase.manifest.reading import structure
from rephase.manifest.schema import Config
from rephase.manifest.writing import write_atomically
from rephase.plugins import Kind
from rephase.plugins.registry import Registry, discover
from rephase.protocols import WorldModel
from rephase.reproduction.composing import Composition, build_policy, build_world_model, compose_config
from rephase.reproduction.loading import calibrate
from rephase.reproduction.new_phase import NewPhase, config_document, free_folder, manifest_tables, write_phase
from rephase.reproduction.pretraining.episodes import RealEpisodes, join, pool
from rephase.reproduction.pretraining.exploring import explore
from rephase.reproduction.pretraining.fitting import fit_world_model
from rephase.reproduction.pretraining.playing import play, start_states
from rephase.reproduction.pretraining.schedule import EXTRACTION, PretrainSchedule
from rephase.runtime.arithmetic import is_started

__all__ = ["Pretrained", "pretrain"]

_SMALL: Mapping[Kind, Mapping[str, Any]] = {
    Kind.WORLD_MODEL: {"latent_size": 128, "encoder_units": [128], "units": [256, 256], "task_size": 8},
    Kind.POLICY: {"units": [128, 64]},
}
"""Sizes that a CPU can fit in minutes, for parts whose settings have these names."""

_SEEDS_OF_A_ROUND = 100
_FIRST_LR, _LATER_LR, _LAST_LR = 1e-3, 8e-4, 1e-4
_WARMUP = 50


@frozen(kw_only=True)
class Pretrained:
    """What pretraining left.

    Args:
        files: The manifest and its configs.
        rounds: For each round and task: the returns of the policies' episodes without noise, and what was predicted.
    """

    files: tuple[Path, ...]
    rounds: Sequence[Mapping[str, Any]]


def pretrain(
    name: str,
    wanted: NewPhase,
    schedule: PretrainSchedule,
    project: Path,
    work: Path,
    say: Callable[[str], None],
    threads: int = 0,
) -> Pretrained:
    """Make a world model and start states for tasks, and the phase that uses them.

    Args:
        name: Name of the phase.
        wanted: Its parts, tasks and seeds; inputs are what is made here.
        schedule: How much is done.
        project: Folder that holds, or will hold, ``reproductions``.
        work: Folder of unfinished work; nothing is done twice that lies in it.
        say: Called with every line worth saying.
        threads: Threads of one operation; 0 leaves torch's choice.

    Raises:
        UsageError: There is such a phase already, or the work there was begun otherwise.
        UnknownName: Nobody offers a task or a part.
        ManifestError: A setting does not fit its part.
        EnvironmentFault: A task failed.
    """
    free_folder(name, project)
    if threads:
        torch.set_num_threads(threads)
    registry = discover()
    wanted = evolve(
        wanted,
        changes={**_small(wanted, registry), **wanted.changes},
        copies=True,
        algorithm={**_written_extraction(), **wanted.algorithm},
        evaluation={"episodes": 20, "every": 100, "curve_episodes": 3, **wanted.evaluation},
    )
    manifest_tables(wanted)  # a mistake in them is said now, not after everything else is done
    making = _Making(name=name, wanted=wanted, schedule=schedule, registry=registry, work=work, say=say)
    making.begin()
    rounds = [making.play_round(number) for number in range(1, schedule.rounds + 1)]
    files = write_phase(name, evolve(wanted, inputs=making.finish()), project)
    about: dict[str, Any] = {
        "arithmetic": str(Arithmetic.PORTABLE if is_started() else Arithmetic.NATIVE),
        "schedule": asdict(schedule),
        "rounds": [row for rows in rounds for row in rows],
    }
    write_atomically(files[0].with_name("provenance.json"), json.dumps(about, indent=2, sort_keys=True) + "\n")
    return Pretrained(files=files, rounds=about["rounds"])


class _Making:
    """The stages, each of which leaves a file."""

    def __init__(
        self,
        *,
        name: str,
        wanted: NewPhase,
        schedule: PretrainSchedule,
        registry: Registry,
        work: Path,
        say: Callable[[str], None],
    ) -> None:
        documents = {policy: config_document(name, wanted, policy, registry) for policy in wanted.policies}
        configs = [structure(document.unwrap(), Config, "--set") for document in documents.values()]
        self.composition: Composition
        self.composition, *_ = [compose_config(config, registry, "--set") for config in configs]
        self.tasks = TaskSet(tuple(find_task(task) for task in dict.fromkeys(wanted.tasks)))
        self.spaces = self.tasks.spaces
        self.schedule = schedule
        self.work = work
        self.say = say
        self._settings = {
            "config": plain(configs[0]),
            "schedule": plain(schedule),
            "tasks": [plain(task) for task in self.tasks],
        }

    def begin(self) -> None:
        """Explore, and fit the first model."""
        self.work.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self._settings, indent=2, sort_keys=True) + "\n"
        kept = self.work / "settings.json"
        if kept.exists() and kept.read_text(encoding="utf-8") != text:
            raise UsageError(
                "was begun with other settings", where=str(self.work), remedy="remove it, or choose another name"
            )
        write_atomically(kept, text)
        for task in self.tasks:
            path = self._episodes_of(0, task.index)
            if not path.exists():
                found = explore(task, self.schedule.explore, self.spaces, self.schedule.seed)
                found.write(path, source="random actions")
            returns = RealEpisodes.read(path).returns
            self.say(f"{task.name}: {len(returns)} episodes of random actions return {_range(returns)}")
        self._fit(0, self.schedule.first_fit, _FIRST_LR, _LAST_LR)

    def play_round(self, number: int) -> list[dict[str, Any]]:
        """Extract and play fresh policies in the latest model, and fit it on."""
        path = self.work / f"round-{number:02d}.json"
        if not path.exists():
            write_atomically(path, json.dumps(self._play(number), indent=2, sort_keys=True) + "\n")
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        for row in rows:
            self.say(f"round {number}, {row['task']}: real {row['returns']}, predicted {row['predicted']}")
        last = number == self.schedule.rounds
        steps = self.schedule.final_fit if last else self.schedule.round_fit
        self._fit(number, steps, _LATER_LR, 1e-5 if last else _LAST_LR)
        return rows

    def finish(self) -> dict[str, Path]:
        """Write the world model and the start states; returns them by the names of their inputs."""
        starts = start_states(self._known(self.schedule.rounds), self.schedule.start_states, self.schedule.seed)
        paths = {
            "world-model": self.work / "world_model.safetensors",
            "start-states": self.work / "start_states.safetensors",
        }
        part = self.composition.world_model
        about = {"world_model": part.offered.offer.name, "sizes": json.dumps(plain(part.settings), sort_keys=True)}
        write_tensors(paths["world-model"], read_tensors(self._model_of(self.schedule.rounds))[0], about)
        rows = [torch.full((len(own),), task) for task, own in starts.items()]
        write_tensors(
            paths["start-states"], {"observations": torch.cat(list(starts.values())), "tasks": torch.cat(rows)}
        )
        return paths

    def _play(self, number: int) -> list[dict[str, Any]]:
        schedule = self.schedule
        seed = schedule.seed + number
        members = [
            Member(task.index, _SEEDS_OF_A_ROUND * seed + policy)
            for task in self.tasks
            for policy in range(schedule.policies)
        ]
        cohort = self._cohort(number, members, start_states(self._known(number - 1), schedule.start_states, seed))
        cohort.advance(schedule.epochs)
        noise = [0.0] + [schedule.noise[at % len(schedule.noise)] for at in range(schedule.episodes - 1)]
        played = play(cohort, schedule.episodes, noise, "pretrain", self.tasks)
        for row, own in played.episodes.items():
            own.write(self._episodes_of(number, row), source=f"round {number}")
        table = []
        for task in self.tasks:
            at = [row for row, member in enumerate(members) if member.task == task.index]
            table.append(
                {
                    "round": number,
                    "task": task.name,
                    "returns": [round(value, 1) for value in played.returns[at, 0].tolist()],
                    "predicted": [round(value, 1) for value in played.predicted[at, 0].tolist()],
                }
            )
        return table

    def _cohort(self, number: int, members: Sequence[Member], starts: Mapping[int, Tensor]) -> Cohort:
        model, policy = self._load(number - 1), self.composition.policy
        return Cohort(
            world_model=model,
            build_policy=lambda: build_policy(policy, model.latent_size(), self.spaces.action),
            algorithm=evolve(EXTRACTION, epochs=self.schedule.epochs),
            members=members,
            experience=starts,
            spaces=self.spaces,
            stackable=policy.stackable,
        )

    def _fit(self, number: int, steps: int, first_lr: float, final_lr: float) -> None:
        """Fit model ``number`` on all episodes up to its round; does nothing if that was done."""
        path = self._model_of(number)
        if path.exists():
            return
        schedule, episodes = self.schedule, pool(self._known(number), None)
        if number:
            model = self._load(number - 1)
        else:
            model = build_world_model(self.composition.world_model, self.spaces)
            model.initialise(stream(schedule.seed, "world-model"))
            for row, own in self._known(0).items():
                calibrate(model, Member(row, schedule.seed), pool({row: own}, None))
        settings = Pretraining(
            steps=steps,
            batch_size=schedule.batch_size,
            horizon=schedule.horizon,
            first_lr=first_lr,
            final_lr=final_lr,
            warmup=min(_WARMUP, steps),
        )
        generator = stream(schedule.seed + number, "slices")
        fit_world_model(model, episodes, settings, self.spaces, generator, path, self.say)

    def _load(self, number: int) -> WorldModel:
        model = build_world_model(self.composition.world_model, self.spaces)
        model.load_state_dict(read_tensors(self._model_of(number))[0])  # type: ignore[attr-defined]  # a torch module
        return model

    def _known(self, number: int) -> dict[int, RealEpisodes]:
        """All episodes up to a round, by task index."""
        paths = [self._episodes_of(before, task.index) for before in range(number + 1) for task in self.tasks]
        return join(RealEpisodes.read(path) for path in paths)

    def _episodes_of(self, number: int, task: int) -> Path:
        return self.work / f"round-{number:02d}-{task:02d}.safetensors"

    def _model_of(self, number: int) -> Path:
        return self.work / f"model-{number:02d}.safetensors"


def _small(wanted: NewPhase, registry: Registry) -> dict[str, Any]:
    """Small sizes as changes, where every part concerned has settings of these names."""
    found = {}
    for kind, at, names in (
        (Kind.WORLD_MODEL, "world_model", [wanted.world_model]),
        (Kind.POLICY, "policy", wanted.policies),
    ):
        configs = [registry.find(kind, name, f"--{kind}").offer.config for name in names]
        for setting, value in _SMALL[kind].items():
            if all(hasattr(config, "__attrs_attrs__") and setting in _fields(config) for config in configs):
                found[f"{at}.settings.{setting}"] = value
    return found


def _fields(config: type) -> set[str]:
    return {one.name for one in config.__attrs_attrs__}  # type: ignore[attr-defined]  # every config is an attrs class


def _written_extraction() -> dict[str, Any]:
    """How policies are extracted, as a manifest says it: only what is not the default."""
    names = ["epochs", "horizon", "batch_size", "actor_lr", "critic_lr"]
    names += ["critics", "critic_units", "critic_iterations", "critic_batches"]
    written: dict[str, Any] = plain(EXTRACTION)
    variants = {key: written["variants"][key] for key in ("td_targets", "bootstrap", "mask_actions")}
    return {name: written[name] for name in names} | {"variants": variants}


def _range(returns: Tensor) -> str:
    return f"{float(returns.min()):.1f} to {float(returns.max()):.1f}, {float(returns.mean()):.1f} on average"
