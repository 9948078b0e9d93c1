"""Ends the jobs of a phase: all of them, or those of some runs. Imports no torch."""

from __future__ import annotations

from collections.abc import Collection

from attrs import frozen

from rephase.manifest import Run
from rephase.protocols import Stage
from rephase.reproduction.reconciling import Engines, job_states
from rephase.reproduction.storing import Store
from rephase.reproduction.submissions import latest_by_run, read_submissions

__all__ = ["Cancelled", "cancel"]


@frozen(kw_only=True)
class Cancelled:
    """What was cancelled.

    Args:
        jobs: Job by run.
        checks: Checks that would have followed and have nothing left to wait for.
        unknown: Job by run of those their engine says nothing about; they were left alone.
    """

    jobs: dict[Run, str]
    checks: tuple[str, ...]
    unknown: dict[Run, str]


def cancel(store: Store, wanted: Collection[Run], engines: Engines, extended: bool = False) -> Cancelled:
    """Cancel the jobs that wait for or run some runs, and the checks of submissions that have none left.

    A run that was training writes its checkpoint first and is gone on from there when it is submitted again.

    Args:
        store: The phase's runs.
        wanted: The runs.
        engines: Gives a submission's runner.
        extended: Whether the runs of the extension are in.

    Raises:
        CannotRunHere: An engine cannot be asked, or does not cancel.
    """
    states = job_states(store, engines, extended)
    alive = {run: state for run, state in states.items() if state.stage in (Stage.WAITING, Stage.RUNNING)}
    ended = {run: state for run, state in alive.items() if run in wanted}
    latest = latest_by_run(store, tuple(alive))
    going_on = {latest[run].name for run in alive if run not in ended}
    checks: list[str] = []
    for submission in read_submissions(store):
        own = [state.job for run, state in ended.items() if latest[run].name == submission.name]
        if not own:
            continue
        check = submission.check.split() if submission.name not in going_on else []
        checks += check
        engines(submission).cancel((*own, *check))
    for run, state in ended.items():
        if state.stage is Stage.WAITING and not store.is_held(run):
            store.fail(run, f"job {state.job} was cancelled while it waited")
    unknown = {run: state.job for run, state in states.items() if run in wanted and state.stage is Stage.UNKNOWN}
    return Cancelled(jobs={run: state.job for run, state in ended.items()}, checks=tuple(checks), unknown=unknown)
