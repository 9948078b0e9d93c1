"""Handing a phase over: once, whole or not at all, and written down before anything starts."""

from __future__ import annotations

import attrs
import pytest
from fakes.queues import DIGEST, FIRST, FakeQueue, complete, handed_over, waits

from rephase.errors import CannotRunHere, UsageError
from rephase.manifest import Run
from rephase.manifest.lock import format_lock
from rephase.reproduction.jobs import Order
from rephase.reproduction.provenance import make_lock
from rephase.reproduction.storing import State, Store
from rephase.reproduction.submissions import read_submissions
from rephase.reproduction.submitting import submit


def test_submits_on_hold_writes_down_then_releases(store: Store, order: Order) -> None:
    queue = FakeQueue()
    submission = handed_over(store, order, queue)
    assert submission is not None
    assert queue.said == [
        ("submit", ("100", (), True)),
        ("submit", ("101", (), True)),
        ("submit", ("102", ("100", "101"), False)),
        ("release", ("100", "101")),
    ]
    assert read_submissions(store) == (submission,)
    assert submission.jobs["baseline/reacher-easy/seed-1"] == "100_0"
    assert submission.image == DIGEST
    assert submission.released
    assert submission.notes == ("charged 100", "charged 101")
    assert submission.logs["baseline/reacher-easy/seed-1"] == "/logs/100_0.log"
    state = store.state_of(FIRST)
    assert state is not None
    assert (state.state, state.job) == (State.QUEUED, "100_0")
    scripts = sorted(path.name for path in (store.folder / "submissions").glob("*.sh"))
    assert scripts == ["100.baseline.sh", "100.check.sh", "100.flowpolicy.sh"]
    assert (store.folder / "logs").is_dir()


def test_submitting_twice_runs_nothing_twice(store: Store, order: Order) -> None:
    queue = FakeQueue()
    submission = handed_over(store, order, queue)
    assert submission is not None
    queue.told = {job: waits(job) for job in submission.jobs.values()}
    again = submit(store, order, queue, queue.engine)
    assert again.submission is None
    assert len(again.plan.skipped) == len(submission.jobs)
    assert {one.reason for one in again.plan.skipped if one.run == FIRST} == {"job 100_0 is PENDING"}


def test_submits_only_what_is_left(store: Store, order: Order) -> None:
    queue = FakeQueue()
    complete(store, FIRST)
    with store.claim([Run("baseline", "reacher-easy", 2)]):
        handed = submit(store, order, queue, queue.engine)
    ready = handed.plan
    assert handed.submission is not None
    assert [(one.run.label, one.reason) for one in ready.skipped] == [
        ("baseline/reacher-easy/seed-1", "completed"),
        ("baseline/reacher-easy/seed-2", "a process runs it"),
    ]
    assert [task.index for task in ready.arrays["baseline"].tasks] == [2, 3]


def test_a_refusal_is_met_before_anything_is_submitted(store: Store, order: Order) -> None:
    queue = FakeQueue()
    queue.refuses = "Invalid account"
    with pytest.raises(CannotRunHere) as caught:
        handed_over(store, order, queue)
    assert str(caught.value) == (
        "phase3-embedded: the queue would refuse the job of baseline: Invalid account; override what it refuses "
        "(--partition, --gpu, --cpus, --memory, --time, --account)"
    )
    assert queue.said == []
    assert read_submissions(store) == ()


def test_runs_of_one_phase_are_made_in_one_image(store: Store, order: Order) -> None:
    other = "sha256:" + "cd" * 32
    store.folder.mkdir(parents=True)
    outside = make_lock(store.phase, {}, ())
    (store.folder / "lock.json").write_text(format_lock(outside))
    handed_over(store, order, FakeQueue())  # made outside a container: nothing to differ from
    (store.folder / "lock.json").write_text(format_lock(attrs.evolve(outside, image=other)))
    with pytest.raises(UsageError) as caught:
        handed_over(store, order, FakeQueue())
    assert str(caught.value) == (
        f"phase3-embedded: earlier runs were made in image {other}, this one is {DIGEST}; "
        "submit with that image, or keep the new runs in another folder (--runs)"
    )


def test_a_queue_that_breaks_half_way_keeps_no_job(store: Store, order: Order) -> None:
    queue = FakeQueue()
    queue.breaks_at = 101
    with pytest.raises(CannotRunHere, match="the queue went away"):
        handed_over(store, order, queue)
    assert queue.said[-1] == ("cancel", ("100",))
    assert not any(what == "release" for what, _ in queue.said)
    assert read_submissions(store) == ()
    assert list((store.folder / "submissions").glob("*.sh")) == []
    assert store.state_of(FIRST) is None


def test_jobs_that_cannot_be_taken_back_stay_written_down(store: Store, order: Order) -> None:
    queue = FakeQueue()
    queue.breaks_at, queue.loses = 101, "cancel"
    with pytest.raises(CannotRunHere) as caught:
        handed_over(store, order, queue)
    assert str(caught.value) == (
        "phase3-embedded: the queue went away; jobs 100 are submitted and could not be cancelled "
        "(the queue went away); "
        "'rephase cancel phase3' ends them, 'rephase submit' again lets them start"
    )
    assert [one.released for one in read_submissions(store)] == [False]


def test_a_held_job_is_never_forgotten(store: Store, order: Order) -> None:
    queue = FakeQueue()
    queue.loses = "release"
    with pytest.raises(CannotRunHere, match="the queue went away"):
        handed_over(store, order, queue)
    [submission] = read_submissions(store)
    assert not submission.released
    queue.loses = ""
    queue.told = {job: waits(job, "JobHeldUser") for job in submission.jobs.values()}
    again = submit(store, order, queue, queue.engine)
    assert again.submission is None
    assert again.released == ("100", "101")
    assert queue.said[-1] == ("release", ("100", "101"))
    assert [one.released for one in read_submissions(store)] == [True]
    assert submit(store, order, queue, queue.engine).released == ()


def test_a_subset_is_submitted_and_the_rest_later(store: Store, order: Order) -> None:
    queue = FakeQueue()
    wanted = store.phase.select(config="flowpolicy")
    handed = submit(store, attrs.evolve(order, wanted=wanted, limit=3, with_check=False), queue, queue.engine)
    assert handed.submission is not None
    assert list(handed.submission.arrays) == ["flowpolicy"]
    assert [task.index for task in handed.plan.arrays["flowpolicy"].tasks] == [0, 1, 2]
    assert [one.reason for one in handed.plan.skipped] == ["beyond --limit"]
    assert handed.submission.check == ""
    queue.told = {job: waits(job) for job in handed.submission.jobs.values()}
    rest = handed_over(store, order, queue)
    assert rest is not None
    assert len(rest.jobs) == 5
