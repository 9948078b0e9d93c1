"""Hands a phase to an engine: one job for each array of the manifest, and one that checks the phase afterwards.

Only what is neither completed, nor in the engine's hands, nor held by a living process is submitted, so that submitting
twice runs nothing twice. Everything is asked of the engine before anything is submitted; jobs are submitted on hold
where the engine can hold, written down, and released last. Imports no torch.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import Any

from attrs import evolve, frozen

from rephase.errors import CannotRunHere, UsageError
from rephase.manifest import Run
from rephase.protocols import Job, JobState, Runner, Stage, Ticket
from rephase.reproduction.jobs import CHECK, Order, Plan, plan
from rephase.reproduction.reconciling import Engines, job_states
from rephase.reproduction.storing import Store
from rephase.reproduction.submissions import Submission, one_submitter, read_submissions, write_submission

__all__ = ["SubmitResult", "submit"]


@frozen(kw_only=True, eq=False)
class SubmitResult:
    """What a call of `submit` did.

    Args:
        plan: What was planned.
        submission: The jobs; None when there was nothing left to run.
        released: Jobs of earlier submissions that were still on hold and are released now.
    """

    plan: Plan
    submission: Submission | None
    released: tuple[str, ...] = ()


def submit(store: Store, order: Order, runner: Runner, engines: Engines) -> SubmitResult:
    """Submit what is left to run of a phase, and a check that waits for all of it.

    Args:
        store: The phase's runs.
        order: What is asked for.
        runner: The engine.
        engines: Gives the runner of earlier submissions.

    Raises:
        CannotRunHere: The engine cannot be asked or refuses; nothing was started then.
        UsageError: Another process is submitting these runs, earlier runs were made in another image, or a value
            cannot stand in a job.
    """
    _same_image(store, order)
    with one_submitter(store):
        states = job_states(store, engines, order.extended)
        released = _release_the_forgotten(store, engines, states)
        ready = plan(store, order, states)
        if not ready.arrays:
            return SubmitResult(plan=ready, submission=None, released=released)
        texts = ready.texts(runner)
        for name, job in ready.jobs.items():
            if refusal := runner.refusal(job):
                raise CannotRunHere(
                    f"the queue would refuse the job of {name}: {refusal}",
                    where=store.phase.name,
                    remedy="override what it refuses (--partition, --gpu, --cpus, --memory, --time, --account)",
                )
        next(iter(ready.arrays.values())).log_folder.mkdir(parents=True, exist_ok=True)
        submission = _hand_over(ready, texts, runner)
        runner.release(tuple(_jobs(submission)))
        submission = evolve(submission, released=True)
        write_submission(store, submission, {})
        return SubmitResult(plan=ready, submission=submission, released=released)


def _same_image(store: Store, order: Order) -> None:
    lock = store.lock()
    if lock is not None and lock.image not in ("", order.digest):
        raise UsageError(
            f"earlier runs were made in image {lock.image}, this one is {order.digest}",
            where=store.phase.name,
            remedy="submit with that image, or keep the new runs in another folder (--runs)",
        )


def _release_the_forgotten(store: Store, engines: Engines, states: Mapping[Run, JobState]) -> tuple[str, ...]:
    """Jobs of a submission that was stopped between being written down and being released would wait for ever."""
    waiting = {state.job for state in states.values() if state.stage is Stage.WAITING}
    released: list[str] = []
    for submission in read_submissions(store):
        if submission.released or not waiting & set(submission.jobs.values()):
            continue
        engines(submission).release(tuple(_jobs(submission)))
        write_submission(store, evolve(submission, released=True), {})
        released += _jobs(submission)
    return tuple(released)


def _jobs(submission: Submission) -> list[str]:
    return [job for jobs in submission.arrays.values() for job in jobs.split()]


def _hand_over(ready: Plan, texts: Mapping[str, str], runner: Runner) -> Submission:
    """Submit every job, writing each down as soon as the engine has taken it."""
    store = ready.store
    written: Submission | None = None
    try:
        for name, job in ready.arrays.items():
            written = _written_down(ready, texts, written, name, job, runner.submit(job))
        assert written is not None
        if ready.check is not None:
            ticket = runner.submit(ready.check, _jobs(written))
            written = evolve(
                written,
                check=" ".join(ticket.jobs),
                logs={**written.logs, CHECK: ticket.logs.get(-1, "")},
                notes=(*written.notes, *ticket.notes),
            )
            write_submission(store, written, {CHECK: texts[CHECK]})
    except BaseException as error:
        _take_back(store, written, runner, error)
        raise
    for runs in ready.runs.values():
        for run in runs:
            store.queue(run, written.jobs[run.label], "submitted")
    return written


def _written_down(
    ready: Plan, texts: Mapping[str, str], before: Submission | None, name: str, job: Job, ticket: Ticket
) -> Submission:
    labels = {task.index: task.label for task in job.tasks}
    added: dict[str, Any] = {
        "arrays": {name: " ".join(ticket.jobs)},
        "jobs": {labels[index]: one for index, one in ticket.tasks.items()},
        "requests": {name: job.request.as_plain()},
        "logs": {labels[index]: log for index, log in ticket.logs.items() if index in labels},
    }
    if before is None:
        store, order = ready.store, ready.order
        submission = Submission(
            phase=store.phase.name,
            manifest_digest=store.phase.digest,
            image=order.digest,
            runner=order.runner,
            options=order.options,
            site=order.site,
            user=_user(),
            sequence=1 + max((one.sequence for one in read_submissions(store)), default=0),
            released=False,
            notes=ticket.notes,
            **added,
        )
    else:
        merged: dict[str, Any] = {key: {**getattr(before, key), **value} for key, value in added.items()}
        submission = evolve(before, notes=(*before.notes, *ticket.notes), **merged)
    write_submission(ready.store, submission, {name: texts[name]})
    return submission


def _take_back(store: Store, written: Submission | None, runner: Runner, error: BaseException) -> None:
    """Cancel what was submitted of a submission that could not be finished; what cannot be cancelled is named."""
    if written is None:
        return
    jobs = [*_jobs(written), *written.check.split()]
    try:
        runner.cancel(tuple(jobs))
    except CannotRunHere as second:
        raise CannotRunHere(
            f"{error}; jobs {', '.join(jobs)} are submitted and could not be cancelled ({second.problem})",
            where=store.phase.name,
            remedy=f"'rephase cancel {store.phase.manifest.phase}' ends them, 'rephase submit' again lets them start",
        ) from error
    for path in (store.folder / "submissions").glob(f"{written.name}.*"):
        path.unlink()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without an entry in the password file
        return ""
