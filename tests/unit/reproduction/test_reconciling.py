"""What the folders say of runs, held against the word of the queue."""

from __future__ import annotations

import attrs
import pytest
from fakes.queues import FIRST, FakeQueue, complete, corrected, ended, handed_over, waits

from rephase.reproduction.jobs import Order
from rephase.reproduction.reconciling import Correction
from rephase.reproduction.storing import State, Store
from rephase.reproduction.submitting import submit


def test_a_run_whose_job_nobody_speaks_of_is_left_as_it_is(store: Store, order: Order) -> None:
    queue = FakeQueue()
    submission = handed_over(store, order, queue)
    assert submission is not None
    queue.told = {job: waits(job) for job in submission.jobs.values() if job != "100_0"}
    assert corrected(store, queue) == {}
    state = store.state_of(FIRST)
    assert state is not None
    assert state.state is State.QUEUED
    again = submit(store, order, queue, queue.engine)
    assert again.submission is None
    assert [one.reason for one in again.plan.skipped if one.run == FIRST] == [
        "job 100_0 is unknown: its engine says nothing about it; --again submits it all the same"
    ]
    submission = handed_over(store, attrs.evolve(order, again=True), queue)
    assert submission is not None
    assert list(submission.jobs) == [FIRST.label]


@pytest.mark.parametrize(("word", "reason"), [("TIMEOUT", ""), ("CANCELLED", "exit code 0:15")])
def test_a_run_whose_job_ended_without_a_record_is_failed(store: Store, order: Order, word: str, reason: str) -> None:
    queue = FakeQueue()
    submission = handed_over(store, order, queue)
    assert submission is not None
    queue.told = {job: ended(job, word, reason) for job in submission.jobs.values()}
    complete(store, FIRST)
    changes = corrected(store, queue)
    assert FIRST not in changes
    assert {one.state for one in changes.values()} == {State.FAILED}
    said = f"{word}, {reason}" if reason else word
    assert {one.reason for run, one in changes.items() if run.seed == 2 and run.config == "baseline"} == {
        f"job 100_1 ended {said} without a record; see /logs/100_1.log",
        f"job 100_3 ended {said} without a record; see /logs/100_3.log",
    }


def test_a_requeued_run_waits_again(store: Store, order: Order) -> None:
    queue = FakeQueue()
    submission = handed_over(store, order, queue)
    assert submission is not None
    store.fail(FIRST, "killed")
    queue.told = {job: waits(job, "BeginTime") for job in submission.jobs.values()}
    assert corrected(store, queue) == {FIRST: Correction(State.QUEUED, "100_0", "job 100_0 is PENDING (BeginTime)")}


def test_a_run_somebody_holds_is_left_alone(store: Store, order: Order) -> None:
    queue = FakeQueue()
    submission = handed_over(store, order, queue)
    assert submission is not None
    queue.told = {job: ended(job, "TIMEOUT") for job in submission.jobs.values()}
    with store.claim([FIRST]):
        assert FIRST not in corrected(store, queue)
    assert FIRST in corrected(store, queue)
