"""Holds our word on runs against the engines': a run whose job ended without a record is FAILED, not RUNNING.

Only runs that are neither completed nor held by a living process here are asked about, and only what an engine
positively says counts: a job it says nothing about, be it another user's or one it has forgotten, leaves its run as it
is. Nothing is written: whoever looks may look at a colleague's runs, and the next attempt writes its own state.
Imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import frozen

from rephase.manifest import Run
from rephase.protocols import JobState, Runner, Stage
from rephase.reproduction.storing import State, Store
from rephase.reproduction.submissions import Submission, latest_by_run

__all__ = ["Correction", "Engines", "corrections", "job_states"]

Engines = Callable[[Submission], Runner]
"""Gives the runner that a submission was handed to."""


@frozen
class Correction:
    """A run that is not in the state its folder says, and why.

    Args:
        state: State it is in.
        job: The job that says so.
        reason: The engine's word.
    """

    state: State
    job: str
    reason: str


def corrections(store: Store, states: Mapping[Run, JobState]) -> dict[Run, Correction]:
    """The submitted runs that are not in the state their folders say.

    Args:
        store: The phase's runs.
        states: The engines' word on each, from `job_states`.

    Returns:
        What is so, by run, in the phase's order.
    """
    latest = latest_by_run(store, tuple(states))
    found = {}
    for run, state in states.items():
        correction = _correction(store, run, state, latest[run].logs.get(run.label, ""))
        if correction is not None:
            found[run] = correction
    return found


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
        answers = engines(submission).states(tuple(sorted(jobs.values())))
        found |= {run: answers.get(job) or _unknown(job) for run, job in jobs.items()}
    return {run: found[run] for run in latest}


def _unknown(job: str) -> JobState:
    return JobState(job, "UNKNOWN", Stage.UNKNOWN, "its engine says nothing about it")


def _open_runs(store: Store, extended: bool) -> Mapping[Run, Submission]:
    return latest_by_run(store, tuple(run for run in store.phase.runs(extended) if not store.is_completed(run)))


def _correction(store: Store, run: Run, word: JobState, log: str) -> Correction | None:
    # Looked at after the engine was asked: what completed meanwhile, or somebody runs by hand, is left alone.
    if word.stage is Stage.UNKNOWN or store.is_completed(run) or store.may_be_held(run) is True:
        return None
    state = store.state_of(run)
    before = state.state if state else None
    if word.stage is Stage.ENDED and before is not State.FAILED:
        ended = f"{word.state}, {word.reason}" if word.reason else word.state
        return Correction(
            State.FAILED, word.job, f"job {word.job} ended {ended} without a record" + (f"; see {log}" if log else "")
        )
    if word.stage is Stage.WAITING and before is not State.QUEUED:
        return Correction(
            State.QUEUED, word.job, f"job {word.job} is {word.state}" + (f" ({word.reason})" if word.reason else "")
        )
    return None
