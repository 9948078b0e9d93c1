"""Brings our word on runs in line with the queue's: a run the queue lost is FAILED, not RUNNING for ever.

Only runs that are neither completed nor held by a living process here are asked about, and only what the queue
positively says, or positively no longer knows, changes anything. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from attrs import frozen

from rephase.manifest import Run
from rephase.reproduction.storing import State, Store
from rephase.reproduction.submissions import job_by_run
from rephase.runtime.queue import JobState, Stage

__all__ = ["Change", "alive_jobs", "reconcile"]


class _Queue(Protocol):
    def states(self, jobs: tuple[str, ...]) -> Mapping[str, JobState]: ...


@frozen
class Change:
    """A run whose state was changed, and why.

    Args:
        run: The run.
        before: State it had; empty for none.
        after: State it has now.
        reason: The queue's word.
    """

    run: Run
    before: str
    after: str
    reason: str


def reconcile(store: Store, queue: _Queue, extended: bool = False) -> tuple[Change, ...]:
    """Ask the queue about every submitted run that is not completed, and correct our records.

    Args:
        store: The phase's runs.
        queue: The queue.
        extended: Whether the runs of the extension are in.

    Returns:
        What was changed, in the phase's order.

    Raises:
        CannotRunHere: The queue cannot be asked; nothing was changed then.
    """
    jobs = _open_jobs(store, extended)
    told = queue.states(tuple(sorted(jobs.values())))
    changes = []
    for run, job in jobs.items():
        change = _correct(store, run, job, told.get(job))
        if change is not None:
            changes.append(change)
    return tuple(changes)


def alive_jobs(store: Store, queue: _Queue, extended: bool = False) -> dict[Run, JobState]:
    """The runs that a job in the queue is going to run or running.

    Args:
        store: The phase's runs.
        queue: The queue.
        extended: Whether the runs of the extension are in.

    Raises:
        CannotRunHere: The queue cannot be asked.
    """
    jobs = _open_jobs(store, extended)
    told = queue.states(tuple(sorted(jobs.values())))
    return {run: told[job] for run, job in jobs.items() if job in told and told[job].stage is not Stage.ENDED}


def _open_jobs(store: Store, extended: bool) -> dict[Run, str]:
    runs = tuple(run for run in store.phase.runs(extended) if not store.is_completed(run))
    return job_by_run(store, runs)


def _correct(store: Store, run: Run, job: str, told: JobState | None) -> Change | None:
    state = store.state_of(run)
    before = state.state if state else None
    name = str(before or "")
    # Looked at after the queue was asked: a run that completed meanwhile, or that somebody runs by hand, is left alone.
    if store.is_completed(run) or store.is_held(run):
        return None
    if told is None or told.stage is Stage.ENDED:
        if before is State.FAILED:
            return None
        if told is None:
            reason = f"the queue no longer knows job {job}"
        else:
            ended = f"{told.state}, {told.reason}" if told.reason else told.state
            reason = f"job {job} ended {ended} without a record"
        store.fail(run, reason)
        return Change(run, name, str(State.FAILED), reason)
    if told.stage is Stage.WAITING and before is not State.QUEUED:
        reason = f"job {job} is {told.state}" + (f" ({told.reason})" if told.reason else "")
        return Change(run, name, str(State.QUEUED), reason) if store.queue(run, job, reason) else None
    return None
