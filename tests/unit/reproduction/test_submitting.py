from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs
import pytest
from fakes.projects import make_project

from rephase.errors import CannotRunHere, InvalidRecord, UsageError
from rephase.manifest import Run
from rephase.manifest.lock import format_lock
from rephase.reproduction.phases import open_phase
from rephase.reproduction.provenance import make_lock
from rephase.reproduction.reconciling import Change, alive_jobs, reconcile
from rephase.reproduction.storing import State, Store
from rephase.reproduction.submissions import job_by_run, one_submitter, read_submissions
from rephase.reproduction.submitting import Order, plan, submit
from rephase.runtime.queue import JobState

DIGEST = "sha256:" + "ab" * 32
FIRST = Run("baseline", "reacher-easy", 1)


class FakeQueue:
    """A queue in memory: numbers jobs from 100 and remembers what was said to it."""

    def __init__(self) -> None:
        self.said: list[tuple[str, object]] = []
        self.told: dict[str, JobState] = {}
        self.refuses = ""
        self.breaks_at = 0
        self.number = 100

    def states(self, jobs: tuple[str, ...]) -> Mapping[str, JobState]:
        return {job: self.told[job] for job in jobs if job in self.told}

    def refusal(self, script: str) -> str:
        return self.refuses

    def submit(self, script: str, after: Iterable[str] = (), hold: bool = False) -> str:
        if self.breaks_at and self.number + 1 > self.breaks_at:
            raise CannotRunHere("the queue went away")
        number, self.number = str(self.number), self.number + 1
        self.said.append(("submit", (number, tuple(after), hold)))
        return number

    def release(self, job: str) -> None:
        self.said.append(("release", job))

    def cancel(self, jobs: Iterable[str]) -> None:
        self.said.append(("cancel", tuple(jobs)))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def store(project: Path, tmp_path: Path) -> Store:
    return Store(tmp_path / "runs", open_phase("phase3", "embedded", project))


@pytest.fixture
def order(project: Path, tmp_path: Path) -> Order:
    (tmp_path / "runs").mkdir()
    return Order(
        image=tmp_path / "rephase.sif",
        digest=DIGEST,
        project=project,
        runs=tmp_path / "runs",
        overrides={"partition": "ice-gpu", "cpus": None},
    )


def complete(store: Store, run: Run) -> None:
    """Make a run look completed: its record is there."""
    path = store.record_path(run)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")


def test_plans_one_array_for_each_config_with_the_indices_run_uses(store: Store, order: Order) -> None:
    ready = plan(store, order, {})
    assert list(ready.arrays) == ["baseline", "flowpolicy"]
    for name, job in ready.arrays.items():
        for task, run in zip(job.tasks, ready.runs[name], strict=True):
            assert store.phase.run_at(task.index, config=name) == run
            assert task.label == run.label
    assert ready.skipped == ()
    assert ready.arrays["baseline"].arguments == (
        "run", "phase3", "--scale", "embedded", "--project", str(order.project), "--runs", str(order.runs),
        "--expect-manifest", store.phase.digest, "--config", "baseline",
    )  # fmt: skip
    assert ready.check.arguments[:4] == ("check", "phase3", "--scale", "embedded")
    assert (ready.check.request.gpu, ready.check.request.cpus) == ("", 1)


def test_binds_inputs_read_only_and_runs_writable_last(store: Store, order: Order) -> None:
    binds = plan(store, order, {}).arrays["baseline"].container.binds
    assert [bind.text for bind in binds] == [
        f"{order.project}/reproductions:{order.project}/reproductions:ro",
        f"{order.runs}:{order.runs}:rw",
    ]


def test_needs_a_partition(store: Store, order: Order) -> None:
    with pytest.raises(UsageError) as caught:
        plan(store, attrs.evolve(order, overrides={}), {})
    assert str(caught.value) == "phase3-embedded: resources.partition: names no partition; give --partition"


def test_submits_on_hold_writes_down_then_releases(store: Store, order: Order) -> None:
    queue = FakeQueue()
    _, submission = submit(store, order, queue)
    assert submission is not None
    assert queue.said == [
        ("submit", ("100", (), True)),
        ("submit", ("101", (), True)),
        ("submit", ("102", ("100", "101"), False)),
        ("release", "100"),
        ("release", "101"),
    ]
    assert read_submissions(store) == (submission,)
    assert submission.jobs["baseline/reacher-easy/seed-1"] == "100_0"
    assert submission.image == DIGEST
    state = store.state_of(FIRST)
    assert state is not None
    assert (state.state, state.job) == (State.QUEUED, "100_0")
    scripts = sorted(path.name for path in (store.folder / "submissions").glob("*.sh"))
    assert scripts == ["100.baseline.sh", "100.check.sh", "100.flowpolicy.sh"]
    assert (store.folder / "logs").is_dir()


def test_submitting_twice_runs_nothing_twice(store: Store, order: Order) -> None:
    queue = FakeQueue()
    _, submission = submit(store, order, queue)
    assert submission is not None
    queue.told = {job: JobState(job, "PENDING", "Resources") for job in submission.jobs.values()}
    ready, again = submit(store, order, queue)
    assert again is None
    assert len(ready.skipped) == len(submission.jobs)
    assert {one.reason for one in ready.skipped if one.run == FIRST} == {"job 100_0 is PENDING"}


def test_submits_only_what_is_left(store: Store, order: Order) -> None:
    queue = FakeQueue()
    complete(store, FIRST)
    with store.claim([Run("baseline", "reacher-easy", 2)]):
        ready, submission = submit(store, order, queue)
    assert submission is not None
    assert [(one.run.label, one.reason) for one in ready.skipped] == [
        ("baseline/reacher-easy/seed-1", "completed"),
        ("baseline/reacher-easy/seed-2", "a process runs it"),
    ]
    assert [task.index for task in ready.arrays["baseline"].tasks] == [2, 3]


def test_a_refusal_is_met_before_anything_is_submitted(store: Store, order: Order) -> None:
    queue = FakeQueue()
    queue.refuses = "Invalid account"
    with pytest.raises(CannotRunHere) as caught:
        submit(store, order, queue)
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
    submit(store, order, FakeQueue())  # made outside a container: nothing to differ from
    (store.folder / "lock.json").write_text(format_lock(attrs.evolve(outside, image=other)))
    with pytest.raises(UsageError) as caught:
        submit(store, order, FakeQueue())
    assert str(caught.value) == (
        f"phase3-embedded: earlier runs were made in image {other}, this one is {DIGEST}; "
        "submit with that image, or keep the new runs in another folder (--runs)"
    )


def test_a_queue_that_breaks_half_way_keeps_no_job(store: Store, order: Order) -> None:
    queue = FakeQueue()
    queue.breaks_at = 101
    with pytest.raises(CannotRunHere, match="the queue went away"):
        submit(store, order, queue)
    assert queue.said[-1] == ("cancel", ("100",))
    assert not any(what == "release" for what, _ in queue.said)
    assert read_submissions(store) == ()
    assert store.state_of(FIRST) is None


def _submit_elsewhere(store: Store, answers: multiprocessing.Queue) -> None:  # type: ignore[type-arg]
    try:
        with one_submitter(store):
            answers.put("submitted")
    except UsageError as error:
        answers.put(str(error))


def test_only_one_process_submits_at_a_time(store: Store) -> None:
    answers = multiprocessing.get_context("fork").Queue()
    with one_submitter(store):
        other = multiprocessing.get_context("fork").Process(target=_submit_elsewhere, args=(store, answers))
        other.start()
        assert answers.get(timeout=60) == (
            f"{store.folder / 'submissions'}: another process is submitting these runs; wait for it, then look again"
        )
        other.join()


def test_the_latest_submission_of_a_run_counts(store: Store, order: Order) -> None:
    queue = FakeQueue()
    submit(store, order, queue)
    submit(store, order, queue)  # the queue knows none of the first
    assert job_by_run(store, (FIRST,)) == {FIRST: "103_0"}


def test_a_submission_that_is_none_is_said(store: Store, order: Order) -> None:
    submit(store, order, FakeQueue())
    path = store.folder / "submissions" / "100.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": 9}))
    with pytest.raises(InvalidRecord, match="has schema 9, this version reads schema 1"):
        read_submissions(store)
    path.write_text("{")
    with pytest.raises(InvalidRecord, match="is not a submission"):
        read_submissions(store)


def test_a_run_the_queue_lost_is_failed(store: Store, order: Order) -> None:
    queue = FakeQueue()
    _, submission = submit(store, order, queue)
    assert submission is not None
    queue.told = {job: JobState(job, "RUNNING") for job in submission.jobs.values() if job != "100_0"}
    assert reconcile(store, queue) == (Change(FIRST, "QUEUED", "FAILED", "the queue no longer knows job 100_0"),)
    state = store.state_of(FIRST)
    assert state is not None
    assert (state.state, state.reason) == (State.FAILED, "the queue no longer knows job 100_0")
    assert reconcile(store, queue) == ()
    assert FIRST not in alive_jobs(store, queue)


@pytest.mark.parametrize(("word", "reason"), [("TIMEOUT", ""), ("CANCELLED", "exit code 0:15")])
def test_a_run_whose_job_ended_without_a_record_is_failed(store: Store, order: Order, word: str, reason: str) -> None:
    queue = FakeQueue()
    _, submission = submit(store, order, queue)
    assert submission is not None
    queue.told = {job: JobState(job, word, reason) for job in submission.jobs.values()}
    complete(store, FIRST)
    changes = reconcile(store, queue)
    assert FIRST not in {change.run for change in changes}
    said = f"{word}, {reason}" if reason else word
    assert {change.reason for change in changes if change.run.seed == 2 and change.run.config == "baseline"} == {
        f"job 100_1 ended {said} without a record",
        f"job 100_3 ended {said} without a record",
    }


def test_a_requeued_run_waits_again(store: Store, order: Order) -> None:
    queue = FakeQueue()
    _, submission = submit(store, order, queue)
    assert submission is not None
    store.fail(FIRST, "killed")
    queue.told = {job: JobState(job, "PENDING", "BeginTime") for job in submission.jobs.values()}
    assert reconcile(store, queue) == (Change(FIRST, "FAILED", "QUEUED", "job 100_0 is PENDING (BeginTime)"),)


def test_a_run_somebody_holds_is_left_alone(store: Store, order: Order) -> None:
    queue = FakeQueue()
    submit(store, order, queue)
    with store.claim([FIRST]):
        assert FIRST not in {change.run for change in reconcile(store, queue)}
