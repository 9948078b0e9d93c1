"""A manifest together with its config files: the runs it means, their order, and the digests that name them.

Pure values: nothing is read here (`rephase.manifest.files` does that) and nothing is run.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import attrs
from attrs import field, frozen

from rephase.errors import UnknownName, UsageError
from rephase.manifest.algorithm import Algorithm, Arithmetic
from rephase.manifest.hashing import digest_of, plain, short
from rephase.manifest.schema import Array, Config, Evaluation, Input, Manifest, PlanReward, Scale

__all__ = ["Phase", "Run"]

_NOT_IN_DIGEST = (
    "title",
    "question",
    "not_this",
    "resources",
    "arrays",
    "inputs",
    "configs",
    "recorded",
    "reference_seeds",
    "arithmetic",
)


@frozen(order=True)
class Run:
    """One (config, task, seed): training, then evaluation."""

    config: str
    task: str
    seed: int

    @property
    def label(self) -> str:
        """The run as a path and in tables, such as ``baseline/walker-stand/seed-42``."""
        return f"{self.config}/{self.task}/seed-{self.seed}"


@frozen(kw_only=True, eq=False)
class Phase:
    """A manifest with its config files read and its overrides applied.

    Args:
        file: The manifest's own file; what it names is relative to its folder.
        manifest: What the file says.
        configs: Resolved configuration by the name the phase gives it.
        algorithms: How each is trained, where that is not how the manifest says.
    """

    file: Path
    manifest: Manifest
    configs: Mapping[str, Config]
    algorithms: Mapping[str, Algorithm] = field(factory=dict)

    @property
    def name(self) -> str:
        """Phase and scale, such as ``phase3-embedded``."""
        return f"{self.manifest.phase}-{self.manifest.scale}"

    @property
    def own_record(self) -> Path:
        """Where a record of the phase itself is kept, also where the manifest names another phase's record."""
        named = self.file.parent / self.manifest.recorded
        if self.manifest.recorded and named.resolve().parent == self.file.resolve().parent:
            return named
        return self.file.with_name(f"{self.file.stem}.recorded.json")

    @property
    def record_file(self) -> Path:
        """The record it is judged by: its own where there is one, otherwise the one its manifest names."""
        own = self.own_record
        return own if own.is_file() or not self.manifest.recorded else self.file.parent / self.manifest.recorded

    @cached_property
    def digest(self) -> str:
        """Digest of `pinned`, computed once: every record is held against it."""
        return digest_of(self.pinned)

    @property
    def pinned(self) -> dict[str, Any]:
        """Everything that can change or judge a number, as plain values, without words for people and resources."""
        pinned = {key: value for key, value in plain(self.manifest).items() if key not in _NOT_IN_DIGEST}
        pinned["evaluation"] = _evaluation(self.manifest.evaluation)
        pinned |= self._arithmetic()
        pinned["configs"] = {name: self.resolved(name) for name in self.configs}
        return pinned

    @property
    def arithmetic(self) -> Arithmetic:
        """What CPUs compute with: as the manifest says, or as its scale has it."""
        by_scale = Arithmetic.PORTABLE if self.manifest.scale is Scale.EMBEDDED else Arithmetic.NATIVE
        return self.manifest.arithmetic or by_scale

    @property
    def folder_name(self) -> str:
        """Name of the folder its runs lie in, such as ``phase3-embedded-0123456789ab``."""
        return f"{self.name}-{short(self.digest)}"

    def seed_blocks(self, extended: bool = False, reference: bool = False) -> tuple[tuple[int, ...], ...]:
        """The seeds in blocks of as many as a rerun has; runs are trained together within a block only.

        Whoever runs more seeds than a rerun therefore computes the rerun's own to the same bit.

        Args:
            extended: Whether the seeds of the extension are in.
            reference: Whether those of the extension and those of the reference execution are in.
        """
        size = len(self.manifest.seeds)
        blocks = [self.manifest.seeds]
        for further in (
            self.manifest.extension_seeds if extended or reference else (),
            self.manifest.reference_seeds if reference else (),
        ):
            blocks += [further[at : at + size] for at in range(0, len(further), size)]
        return tuple(blocks)

    @property
    def arrays(self) -> Mapping[str, Array]:
        """Job arrays by name; one for each config where the manifest declares none."""
        return self.manifest.arrays or {name: Array(configs=(name,)) for name in self.configs}

    def path_of(self, input_name: str) -> Path:
        """Where an input's file lies."""
        return self.file.parent / self.input(input_name).path

    def file_of(self, config: str) -> Path:
        """Where a config's file lies."""
        return self.file.parent / self.manifest.configs[config].file

    def input(self, name: str) -> Input:
        """The input of this name.

        Raises:
            UnknownName: There is none.
        """
        if name not in self.manifest.inputs:
            raise UnknownName("input", name, list(self.manifest.inputs), where=str(self.file))
        return self.manifest.inputs[name]

    def inputs_of(self, config: str) -> dict[str, Input]:
        """The inputs a config uses, by name, the world model first."""
        use = self.manifest.configs[config]
        names = [name for name in (use.world_model, use.start_states, *use.transitions) if name]
        return {name: self.manifest.inputs[name] for name in dict.fromkeys(names)}

    def algorithm(self, config: str) -> Algorithm:
        """How a config is trained."""
        return self.algorithms.get(config, self.manifest.algorithm)

    def resolved(self, config: str) -> dict[str, Any]:
        """Everything that fixes what a run of this config computes, as plain values.

        Args:
            config: Name of the config in this phase.

        Returns:
            Parts and settings as written, algorithm, evaluation, and the digest of each input.
        """
        use = self.manifest.configs[config]
        chosen = plain(self.configs[config])
        return {
            "algorithm": _algorithm(self.algorithm(config)),
            **self._arithmetic(),
            "evaluation": _evaluation(self.manifest.evaluation),
            "inputs": {name: _identity(one) for name, one in self.inputs_of(config).items()},
            "name": chosen["name"],
            "policy": chosen["policy"],
            "roles": {
                "start_states": use.start_states,
                "transitions": " ".join(use.transitions),
                "world_model": use.world_model,
            },
            "world_model": chosen["world_model"],
        }

    def _arithmetic(self) -> dict[str, Any]:
        """The arithmetic as a plain value; nothing for what every run computed with before it could be chosen."""
        return {} if self.arithmetic is Arithmetic.NATIVE else {"arithmetic": str(self.arithmetic)}

    def config_digest(self, config: str) -> str:
        """Digest of `resolved`: what a method's name is bound to."""
        return digest_of(self.resolved(config))

    def runs(self, extended: bool = False, reference: bool = False) -> tuple[Run, ...]:
        """Every run, array by array in the order of their indices.

        Args:
            extended: Whether the seeds of the extension are in.
            reference: Whether all seeds of the reference execution are in.
        """
        return tuple(run for name in self.arrays for run in self.array_runs(name, extended, reference))

    def array_runs(self, array: str, extended: bool = False, reference: bool = False) -> tuple[Run, ...]:
        """The runs of one job array; a run's index is its position, and those of the extension come last."""
        if array not in self.arrays:
            raise UnknownName("array", array, list(self.arrays), where=self.name)
        declared = self.arrays[array]
        order = declared.order if "config" in declared.order else ("config", *declared.order)
        at = {axis: place for place, axis in enumerate(order)}
        runs: list[Run] = []
        for seeds in self.seed_blocks(extended, reference):
            axes: dict[str, tuple[Any, ...]] = {"task": self.manifest.tasks, "seed": seeds, "config": declared.configs}
            for row in itertools.product(*(axes[axis] for axis in order)):
                runs.append(Run(row[at["config"]], row[at["task"]], row[at["seed"]]))
        return tuple(runs)

    def run_at(self, index: int, config: str = "", extended: bool = False) -> Run:
        """The run an index of a job array stands for.

        Args:
            index: 0-based; within the array that holds ``config``, or, without one, through all arrays in order.
            config: Name of a config, or empty.
            extended: Whether the seeds of the extension are in.

        Raises:
            UsageError: There is no such index.
            UnknownName: There is no such config.
        """
        if config and config not in self.configs:
            raise UnknownName("config", config, list(self.configs), where=self.name)
        arrays = [name for name, array in self.arrays.items() if not config or config in array.configs]
        runs = [run for name in arrays for run in self.array_runs(name, extended)]
        if not 0 <= index < len(runs):
            raise UsageError(
                f"index {index} is outside 0 to {len(runs) - 1}",
                where=self.name,
                remedy="'rephase show' lists the runs",
            )
        return runs[index]

    def select(
        self,
        config: str = "",
        task: str = "",
        seed: int | None = None,
        extended: bool = False,
        reference: bool = False,
    ) -> tuple[Run, ...]:
        """The runs with the given config, task and seed; what is left out matches all.

        Raises:
            UnknownName: A name is not one of this phase's.
        """
        seeds = [seed for block in self.seed_blocks(extended, reference) for seed in block]
        asked = (
            ("config", config, list(self.configs)),
            ("task", task, list(self.manifest.tasks)),
            ("seed", "" if seed is None else str(seed), [str(one) for one in seeds]),
        )
        for kind, name, known in asked:
            if name and name not in known:
                raise UnknownName(kind, name, known, where=self.name)
        return tuple(
            run
            for run in self.runs(extended, reference)
            if config in ("", run.config) and task in ("", run.task) and seed in (None, run.seed)
        )

    def resources_of(self, config: str) -> dict[str, Any]:
        """What a job of this config asks for, as plain values."""
        return {**attrs.asdict(self.manifest.resources), **self.manifest.configs[config].resources}


def _algorithm(algorithm: Algorithm) -> dict[str, Any]:
    """The algorithm as plain values; a setting younger than the first records is left out where it changes nothing."""
    written: dict[str, Any] = plain(algorithm)
    if not algorithm.finetune_world_model or algorithm.model_updates == 1:
        del written["model_updates"]
    return written


def _evaluation(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation as plain values, without the settings of a planner that nobody asks."""
    written: dict[str, Any] = plain(evaluation)
    if evaluation.plan is not PlanReward.MPPI:
        del written["planning"]
    if not evaluation.plan_episodes:
        del written["plan_episodes"]
    return written


def _identity(one: Input) -> dict[str, str]:
    """What identifies an input: its digest, or where it comes from while that is pending."""
    if not one.pending:
        return {"sha256": one.sha256}
    keys = ("sha256", "repo", "revision", "filename", "url", "made_by")
    return {key: value for key in keys if (value := str(getattr(one, key)))}
