"""Brings our word on runs in line with the engines': a run whose job ended without a record is FAILED, not RUNNING.

Only runs that are neither completed nor held by a living process here are asked about, and only what an engine
positively says changes anything: a job it says nothing about, be it another user's or one it has forgotten, leaves its
run as it is. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import frozen

from rephase.manifest import Run
from rephase.protocols import JobState, Runner, Stage
from rephase.reproduction.storing import State, Store
from rephase.reproduction.submissions import Submission, latest_by_run

__all__ = ["Change", "Engines", "job_states", "reconcile"]

Engines = Callable[[Submission], Runner]
"""Gives the runner that a submission was handed to."""


@frozen
class Change:
    """A run whose state was changed, and why.

    Args:
        run: The run.
        before: State it had; empty for none.
        after: State it has now.
        reason: The engine's word.
    """

    run: Run
    before: str
    after: str
    reason: str


def reconcile(store: Store, told: Mapping[Run, JobState]) -> tuple[Change, ...]:
    """Correct our records of submitted runs that are not completed.

    Args:
        store: The phase's runs.
        told: The engines' word on each, from `job_states`.

    Returns:
        What was changed, in the phase's order.
    """
    latest = latest_by_run(store, tuple(told))
    changes = []
    for run, state in told.items():
        change = _correct(store, run, state, latest[run].logs.get(run.label, ""))
        if change is not None:
            changes.append(change)
    return tuple(changes)


def job_states(store: Store, engines: Engines, extended: bool = False) -> dict[Run, JobState]:
    """What became of the latest job of each run that is not completed.

    Args:
        store: The phase's runs.
        engines: Gives a submission's runner.
        extended: Whether the runs of the extension are in.

    Raises:
        CannotRunHere: An engine cannot be asked.
    """
    asked: dict[tuple[str, str], tuple[Submission, list[Run]]] = {}
    latest = _open_runs(store, extended)
    for run, submission in latest.items():
        asked.setdefault((submission.runner, repr(submission.options)), (submission, []))[1].append(run)
    found: dict[Run, JobState] = {}
    for submission, runs in asked.values():
        jobs = {run: latest[run].jobs[run.label] for run in runs}
        told = engines(submission).states(tuple(sorted(jobs.values())))
        found |= {run: told.get(job) or _unknown(job) for run, job in jobs.items()}
    return {run: found[run] for run in latest}


def _unknown(job: str) -> JobState:
    return JobState(job, "UNKNOWN", Stage.UNKNOWN, "its engine says nothing about it")


def _open_runs(store: Store, extended: bool) -> Mapping[Run, Submission]:
    return latest_by_run(store, tuple(run for run in store.phase.runs(extended) if not store.is_completed(run)))


def _correct(store: Store, run: Run, told: JobState, log: str) -> Change | None:
    state = store.state_of(run)
    before = state.state if state else None
    name = str(before or "")
    # Looked at after the engine was asked: what completed meanwhile, or somebody runs by hand, is left alone.
    if store.is_completed(run) or store.is_held(run) or told.stage is Stage.UNKNOWN:
        return None
    if told.stage is Stage.ENDED:
        if before is State.FAILED:
            return None
        ended = f"{told.state}, {told.reason}" if told.reason else told.state
        reason = f"job {told.job} ended {ended} without a record" + (f"; see {log}" if log else "")
        store.fail(run, reason)
        return Change(run, name, str(State.FAILED), reason)
    if told.stage is Stage.WAITING and before is not State.QUEUED:
        reason = f"job {told.job} is {told.state}" + (f" ({told.reason})" if told.reason else "")
        return Change(run, name, str(State.QUEUED), reason) if store.queue(run, told.job, reason) else None
    return None
