"""Decides which runs of a phase become which jobs. Nothing is submitted here, and nobody is asked. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

from rephase.errors import UsageError
from rephase.manifest import Phase, Run
from rephase.manifest.bounds import INPUTS_VARIABLE, named_inputs
from rephase.protocols import Bind, Container, Job, JobRequest, JobState, JobTask, Runner, Stage
from rephase.protocols.resources import overridden
from rephase.reproduction.storing import Store
from rephase.reproduction.submissions import latest_by_run

__all__ = ["CHECK", "Order", "Plan", "Skipped", "plan"]

CHECK = "check"
_CHECK_REQUEST: Mapping[str, str | int] = {"gpu": "", "gpus": 1, "cpus": 1, "memory": "4GB", "time": "30m"}


@frozen(kw_only=True)
class Order:
    """What a user asks to be submitted.

    Args:
        image: What the engine starts: an image file, absolute, or a registry's image.
        digest: Its digest.
        project: Folder that holds ``reproductions``, absolute; None where the phase is named by its manifest's path.
        runs: Folder runs are kept in, absolute.
        runner: Name of the engine.
        options: The engine's options, as plain values.
        site: The site profile they come from; empty for none.
        overrides: Resources by name that replace the manifest's.
        wanted: The runs asked for; None for all.
        limit: How many runs are submitted at most; None for no limit.
        with_check: Whether a check follows the runs.
        check_partition: Partition of the check; empty for that of the first array.
        throttle: How many tasks of an array may run at once.
        extended: Whether the runs of the extension are in.
        again: Whether runs are submitted whose job the engine says nothing about.
        run_options: More arguments for ``rephase run``.
    """

    image: str
    digest: str
    project: Path | None
    runs: Path
    runner: str = "slurm"
    options: Mapping[str, object] = field(factory=dict)
    site: str = ""
    overrides: Mapping[str, str | int | None] = field(factory=dict)
    wanted: tuple[Run, ...] | None = None
    limit: int | None = None
    with_check: bool = True
    check_partition: str = ""
    throttle: int | None = None
    extended: bool = False
    again: bool = False
    run_options: tuple[str, ...] = ()


@frozen(kw_only=True)
class Skipped:
    """A run that is not submitted, and why."""

    run: Run
    reason: str


@frozen(kw_only=True, eq=False)
class Plan:
    """Jobs ready to be submitted.

    Args:
        store: The phase's runs.
        order: What was asked for.
        arrays: Jobs by array.
        runs: Runs by array, in the order of the array's tasks.
        check: The job that checks the phase afterwards; None for none.
        skipped: Runs that are left out.
    """

    store: Store
    order: Order
    arrays: Mapping[str, Job]
    runs: Mapping[str, tuple[Run, ...]]
    check: Job | None
    skipped: tuple[Skipped, ...]

    @property
    def jobs(self) -> dict[str, Job]:
        """The jobs by array, and the check's."""
        return dict(self.arrays) | ({CHECK: self.check} if self.check is not None else {})

    def texts(self, runner: Runner) -> dict[str, str]:
        """Each job as it is handed over, by array, and the check's."""
        return {name: runner.text(job) for name, job in self.jobs.items()}


def plan(store: Store, order: Order, states: Mapping[Run, JobState]) -> Plan:
    """Decide what is to be submitted. Pure but for looking at which runs are completed or held.

    Args:
        store: The phase's runs.
        order: What is asked for.
        states: What became of the latest job of each run that has one.

    Returns:
        The jobs; none for an array with nothing left to run.

    Raises:
        UsageError: A value cannot stand in a job, or runs were killed for memory and nobody says how much it is to be.
    """
    phase = store.phase
    container = Container(order.image, order.digest, _binds(phase, order), _environment())
    skipped: list[Skipped] = []
    chosen: dict[str, list[tuple[JobTask, Run]]] = {}
    left = len(phase.runs(order.extended)) if order.limit is None else order.limit
    for name in phase.arrays:
        for index, run in enumerate(phase.array_runs(name, order.extended)):
            if order.wanted is not None and run not in order.wanted:
                continue
            reason = _why_not(store, run, states, order.again) or ("" if left > 0 else "beyond --limit")
            if reason:
                skipped.append(Skipped(run=run, reason=reason))
                continue
            left -= 1
            chosen.setdefault(name, []).append((JobTask(index, run.label), run))
    requests = {name: _request(phase, array.configs[0], order) for name, array in phase.arrays.items()}
    if not requests:
        raise UsageError("declares no array", where=phase.name, remedy="name at least one config")
    _enough_memory(store, order, {run: states[run] for own in chosen.values() for _, run in own if run in states})
    arrays = {
        name: Job(
            name=f"rephase-{phase.name}-{name}",
            title=f"{phase.manifest.phase} at the {phase.manifest.scale} scale, array {name}; by rephase submit",
            tasks=tuple(task for task, _ in own),
            request=requests[name],
            container=container,
            arguments=_run_arguments(phase, phase.arrays[name].configs[0], order),
            log_folder=store.folder / "logs",
            throttle=order.throttle,
        )
        for name, own in chosen.items()
    }
    check = _check(store, order, next(iter(requests.values())), container) if order.with_check else None
    runs = {name: tuple(run for _, run in own) for name, own in chosen.items()}
    return Plan(store=store, order=order, arrays=arrays, runs=runs, check=check, skipped=tuple(skipped))


def _check(store: Store, order: Order, request: JobRequest, container: Container) -> Job:
    phase = store.phase
    partition = order.check_partition or request.partition
    return Job(
        name=f"rephase-{phase.name}-check",
        title=f"check of {phase.manifest.phase} at the {phase.manifest.scale} scale after its runs have ended",
        request=overridden(request, **_CHECK_REQUEST, partition=partition),
        container=container,
        arguments=("check", *_submitted(phase, order), *(("--extend",) if order.extended else ())),
        log_folder=store.folder / "logs",
    )


def _why_not(store: Store, run: Run, states: Mapping[Run, JobState], again: bool) -> str:
    if store.is_completed(run):
        return "completed"
    if store.is_held(run):
        return "a process runs it"
    state = states.get(run)
    if state is None or state.stage is Stage.ENDED:
        return ""
    if state.stage is Stage.UNKNOWN:
        return "" if again else f"job {state.job} is unknown: {state.reason}; --again submits it all the same"
    return f"job {state.job} is {state.state}"


def _enough_memory(store: Store, order: Order, states: Mapping[Run, JobState]) -> None:
    """Refuse to repeat runs that were killed for memory, unless somebody says how much it is to be."""
    killed = [run for run, state in states.items() if state.out_of_memory]
    if not killed or order.overrides.get("memory") is not None:
        return
    latest = latest_by_run(store, tuple(killed))
    asked = []
    for run in killed:
        arrays = [name for name, array in store.phase.arrays.items() if run.config in array.configs]
        asked += [JobRequest(**latest[run].requests[name]) for name in arrays if name in latest[run].requests]
    most = max(asked, key=lambda request: request.megabytes, default=None)
    if most is None:
        return
    labels = ", ".join(run.label for run in killed[:3]) + (f" and {len(killed) - 3} more" if len(killed) > 3 else "")
    count = "1 run was" if len(killed) == 1 else f"{len(killed)} runs were"
    raise UsageError(
        f"{count} killed for memory with {most.memory} ({labels})",
        where=store.phase.name,
        remedy=f"submit with --memory {_twice(most.memory)}, or with --memory {most.memory} to try the same again",
    )


def _twice(memory: str) -> str:
    number = memory.rstrip("MGTB")
    return f"{2 * int(number)}{memory[len(number) :]}"


def _request(phase: Phase, config: str, order: Order) -> JobRequest:
    asked = dict(phase.resources_of(config))
    asked |= {name: value for name, value in order.overrides.items() if value is not None}
    return JobRequest(**asked)


def _phase_arguments(phase: Phase, order: Order) -> tuple[str, ...]:
    if order.project is None:
        return (str(phase.file.resolve()), "--runs", str(order.runs))
    scale = str(phase.manifest.scale)
    return (phase.manifest.phase, "--scale", scale, "--project", str(order.project), "--runs", str(order.runs))


def _submitted(phase: Phase, order: Order) -> tuple[str, ...]:
    """The phase as it is now: a job that starts when it is another one refuses."""
    return (*_phase_arguments(phase, order), "--expect-manifest", phase.digest)


def _run_arguments(phase: Phase, config: str, order: Order) -> tuple[str, ...]:
    extend = ("--extend",) if order.extended else ()
    return ("run", *_submitted(phase, order), "--config", config, *extend, *order.run_options)


def _environment() -> dict[str, str]:
    """The folders of inputs the user allowed, for the job's own reading of the manifest."""
    folders = os.pathsep.join(map(str, named_inputs()))
    return {INPUTS_VARIABLE: folders} if folders else {}


def _binds(phase: Phase, order: Order) -> tuple[Bind, ...]:
    needed = {phase.file.resolve().parent}
    needed |= {phase.file_of(config).resolve().parent for config in phase.configs}
    for name in phase.manifest.inputs:
        path = phase.path_of(name).resolve()
        needed.add(path if path.is_dir() else path.parent)
    if order.project is not None:
        needed.add(order.project.resolve() / "reproductions")
    outer = [one for one in sorted(needed) if one.exists() and not any(up in needed for up in one.parents)]
    # The folder of runs comes last: where it lies inside another one, it must be laid over it.
    return (*(Bind(one) for one in outer), Bind(order.runs, writable=True))
