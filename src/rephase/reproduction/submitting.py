"""Hands a phase to a queue: one array for each array of the manifest, and a job that checks the phase afterwards.

Only what is neither completed, nor in the queue, nor held by a living process is submitted, so that submitting twice
runs nothing twice. Everything is asked of the queue before anything is submitted; jobs are submitted on hold, written
down, and released last: a job that nobody wrote down never starts. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from attrs import field, frozen

from rephase.errors import CannotRunHere, UsageError
from rephase.manifest import Phase, Run
from rephase.reproduction.reconciling import alive_jobs
from rephase.reproduction.storing import Store
from rephase.reproduction.submissions import Submission, one_submitter, write_submission
from rephase.runtime.containers import Bind, Container
from rephase.runtime.queue import JobState
from rephase.runtime.resources import JobRequest, overridden
from rephase.runtime.slurm import ArrayJob, ArrayTask, CheckJob, array_script, check_script

__all__ = ["Order", "Plan", "Skipped", "plan", "submit"]

CHECK = "check"
_CHECK_REQUEST: Mapping[str, str | int] = {"gpu": "", "gpus": 1, "cpus": 1, "memory": "4GB", "time": "30m"}


class _Queue(Protocol):
    def states(self, jobs: tuple[str, ...]) -> Mapping[str, JobState]: ...
    def refusal(self, script: str) -> str: ...
    def submit(self, script: str, after: Iterable[str] = (), hold: bool = False) -> str: ...
    def release(self, job: str) -> None: ...
    def cancel(self, jobs: Iterable[str]) -> None: ...


@frozen(kw_only=True)
class Order:
    """What a user asks to be submitted.

    Args:
        image: The image file, absolute.
        digest: Its digest.
        project: Folder that holds ``reproductions``, absolute; None where the phase is named by its manifest's path.
        runs: Folder runs are kept in, absolute.
        overrides: Resources by name that replace the manifest's.
        check_partition: Partition of the check; empty for that of the first array.
        throttle: How many tasks of an array may run at once.
        extended: Whether the runs of the extension are in.
        run_options: More arguments for ``rephase run``.
    """

    image: Path
    digest: str
    project: Path | None
    runs: Path
    overrides: Mapping[str, str | int | None] = field(factory=dict)
    check_partition: str = ""
    throttle: int | None = None
    extended: bool = False
    run_options: tuple[str, ...] = ()


@frozen(kw_only=True)
class Skipped:
    """A run that is not submitted, and why."""

    run: Run
    reason: str


@frozen(kw_only=True, eq=False)
class Plan:
    """Scripts ready to be submitted.

    Args:
        store: The phase's runs.
        order: What was asked for.
        arrays: Jobs by array.
        runs: Runs by array, in the order of the array's tasks.
        check: The job that checks the phase afterwards.
        skipped: Runs that are left out.
    """

    store: Store
    order: Order
    arrays: Mapping[str, ArrayJob]
    runs: Mapping[str, tuple[Run, ...]]
    check: CheckJob
    skipped: tuple[Skipped, ...]

    @property
    def scripts(self) -> dict[str, str]:
        """Text of each script: by array, and the check's."""
        return {name: array_script(job) for name, job in self.arrays.items()} | {CHECK: check_script(self.check)}


def plan(store: Store, order: Order, alive: Mapping[Run, JobState]) -> Plan:
    """Decide what is to be submitted. Pure but for looking at which runs are completed or held.

    Args:
        store: The phase's runs.
        order: What is asked for.
        alive: Runs that a job in the queue already takes care of.

    Returns:
        The scripts; no array for one with nothing left to run.

    Raises:
        UsageError: A value cannot stand in a script, or nobody said which partition.
    """
    phase = store.phase
    container = Container(order.image, order.digest, _binds(phase, order))
    skipped: list[Skipped] = []
    arrays: dict[str, ArrayJob] = {}
    runs: dict[str, tuple[Run, ...]] = {}
    request = None
    for name, array in phase.arrays.items():
        request = _request(phase, array.configs[0], order)
        tasks = []
        for index, run in enumerate(phase.array_runs(name, order.extended)):
            reason = _why_not(store, run, alive)
            if reason:
                skipped.append(Skipped(run=run, reason=reason))
            else:
                tasks.append((ArrayTask(index, run.label), run))
        if tasks:
            runs[name] = tuple(run for _, run in tasks)
            arrays[name] = ArrayJob(
                name=f"rephase-{phase.name}-{name}",
                title=f"{phase.manifest.phase} at the {phase.manifest.scale} scale, array {name}; by rephase submit",
                tasks=tuple(task for task, _ in tasks),
                request=request,
                container=container,
                arguments=_run_arguments(phase, array.configs[0], order),
                log_folder=store.folder / "logs",
                throttle=order.throttle,
            )
    if request is None:
        raise UsageError("declares no array", where=phase.name, remedy="name at least one config")
    partition = order.check_partition or request.partition
    check = CheckJob(
        name=f"rephase-{phase.name}-check",
        title=f"check of {phase.manifest.phase} at the {phase.manifest.scale} scale after its runs have ended",
        request=overridden(request, **_CHECK_REQUEST, partition=partition),
        container=container,
        arguments=("check", *_submitted(phase, order), *(("--extend",) if order.extended else ())),
        log_folder=store.folder / "logs",
    )
    return Plan(store=store, order=order, arrays=arrays, runs=runs, check=check, skipped=tuple(skipped))


def submit(store: Store, order: Order, queue: _Queue) -> tuple[Plan, Submission | None]:
    """Submit what is left to run of a phase, and a check that waits for all of it.

    Args:
        store: The phase's runs.
        order: What is asked for.
        queue: The queue.

    Returns:
        What was planned and the jobs; None for the jobs when there was nothing left to run.

    Raises:
        CannotRunHere: The queue cannot be asked or refuses; nothing was started then.
        UsageError: Another process is submitting these runs, earlier runs were made in another image, or a value
            cannot stand in a script.
    """
    _same_image(store, order)
    with one_submitter(store):
        ready = plan(store, order, alive_jobs(store, queue, order.extended))
        if not ready.arrays:
            return ready, None
        scripts = ready.scripts
        for name, text in scripts.items():
            if refusal := queue.refusal(text):
                raise CannotRunHere(
                    f"the queue would refuse the job of {name}: {refusal}",
                    where=store.phase.name,
                    remedy="override what it refuses (--partition, --gpu, --cpus, --memory, --time, --account)",
                )
        ready.check.log_folder.mkdir(parents=True, exist_ok=True)
        numbers: list[str] = []
        try:
            submission = _hand_over(ready, scripts, queue, numbers)
        except BaseException:
            # Still on hold, so none has started; without a record none ever will, but it should not clutter the queue.
            if numbers:
                queue.cancel(numbers)
            raise
        for job in submission.arrays.values():
            queue.release(job)
        return ready, submission


def _same_image(store: Store, order: Order) -> None:
    lock = store.lock()
    if lock is not None and lock.image not in ("", order.digest):
        raise UsageError(
            f"earlier runs were made in image {lock.image}, this one is {order.digest}",
            where=store.phase.name,
            remedy="submit with that image, or keep the new runs in another folder (--runs)",
        )


def _hand_over(ready: Plan, scripts: Mapping[str, str], queue: _Queue, numbers: list[str]) -> Submission:
    store, order = ready.store, ready.order
    arrays: dict[str, str] = {}
    jobs: dict[str, str] = {}
    for name, job in ready.arrays.items():
        arrays[name] = queue.submit(scripts[name], hold=True)
        numbers.append(arrays[name])
        jobs |= {task.label: f"{arrays[name]}_{task.index}" for task in job.tasks}
    check = queue.submit(scripts[CHECK], after=arrays.values())
    numbers.append(check)
    submission = Submission(
        phase=store.phase.name,
        manifest_digest=store.phase.digest,
        image=order.digest,
        arrays=arrays,
        jobs=jobs,
        check=check,
        requests={name: job.request.as_plain() for name, job in ready.arrays.items()},
    )
    write_submission(store, submission, scripts)
    for runs in ready.runs.values():
        for run in runs:
            store.queue(run, jobs[run.label], "submitted")
    return submission


def _why_not(store: Store, run: Run, alive: Mapping[Run, JobState]) -> str:
    if store.is_completed(run):
        return "completed"
    if run in alive:
        return f"job {alive[run].job} is {alive[run].state}"
    if store.is_held(run):
        return "a process runs it"
    return ""


def _request(phase: Phase, config: str, order: Order) -> JobRequest:
    asked = dict(phase.resources_of(config))
    asked |= {name: value for name, value in order.overrides.items() if value is not None}
    if not asked["partition"]:
        raise UsageError("names no partition", where=f"{phase.name}: resources.partition", remedy="give --partition")
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


def _binds(phase: Phase, order: Order) -> tuple[Bind, ...]:
    needed = {phase.file.resolve().parent}
    needed |= {(phase.file.parent / use.file).resolve().parent for use in phase.manifest.configs.values()}
    for name in phase.manifest.inputs:
        path = phase.path_of(name).resolve()
        needed.add(path if path.is_dir() else path.parent)
    if order.project is not None:
        needed.add(order.project.resolve() / "reproductions")
    outer = [one for one in sorted(needed) if one.exists() and not any(up in needed for up in one.parents)]
    # The folder of runs comes last: where it lies inside another one, it must be laid over it.
    return (*(Bind(one) for one in outer), Bind(order.runs, writable=True))
