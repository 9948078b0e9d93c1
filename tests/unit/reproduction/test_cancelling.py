"""Ending the jobs of some runs, and the check with the last of them."""

from __future__ import annotations

from fakes.queues import FIRST, FakeQueue, handed_over, waits

from rephase.reproduction.cancelling import cancel
from rephase.reproduction.jobs import Order
from rephase.reproduction.storing import State, Store


def test_cancels_jobs_of_some_runs_and_the_check_with_the_last(store: Store, order: Order) -> None:
    queue = FakeQueue()
    submission = handed_over(store, order, queue)
    assert submission is not None
    queue.told = {job: waits(job) for job in submission.jobs.values() if job != "100_3"}
    own = store.phase.select(config="baseline")
    done = cancel(store, own, queue.engine)
    assert queue.said[-1] == ("cancel", ("100_0", "100_1", "100_2"))
    assert (len(done.jobs), done.checks) == (3, ())
    assert list(done.unknown.values()) == ["100_3"]
    state = store.state_of(FIRST)
    assert state is not None
    assert (state.state, state.reason) == (State.FAILED, "job 100_0 was cancelled while it waited")
    queue.told = {job: waits(job) for job in submission.jobs.values() if job.startswith("101")}
    assert cancel(store, store.phase.runs(), queue.engine).checks == ("102",)
    assert queue.said[-1] == ("cancel", ("101_0", "101_1", "101_2", "101_3", "102"))
    queue.told = {}
    assert cancel(store, own, queue.engine).jobs == {}
