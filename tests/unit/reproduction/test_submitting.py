from __future__ import annotations

import json
import multiprocessing
from collections.abc import Collection, Mapping
from pathlib import Path

import attrs
import pytest
from fakes.projects import make_project

from rephase.errors import CannotRunHere, InvalidRecord, UsageError
from rephase.manifest import Run
from rephase.manifest.lock import format_lock
from rephase.protocols import Bind, Job, JobState, Runner, Stage, Ticket
from rephase.reproduction.cancelling import cancel
from rephase.reproduction.jobs import Order, plan
from rephase.reproduction.phases import open_phase
from rephase.reproduction.provenance import make_lock
from rephase.reproduction.reconciling import Correction, corrections, job_states
from rephase.reproduction.storing import State, Store
from rephase.reproduction.submissions import Submission, latest_by_run, one_submitter, read_submissions
from rephase.reproduction.submitting import submit

DIGEST = "sha256:" + "ab" * 32
FIRST = Run("baseline", "reacher-easy", 1)


class FakeQueue:
    """A queue in memory: numbers jobs from 100 and remembers what was said to it."""

    def __init__(self) -> None:
        self.said: list[tuple[str, object]] = []
        self.told: dict[str, JobState] = {}
        self.refuses = ""
        self.breaks_at = 0
        self.loses = ""
        self.number = 100

    def version(self) -> str:
        return "fake"

    def text(self, job: Job) -> str:
        return f"{job.name}\n"

    def states(self, jobs: Collection[str]) -> Mapping[str, JobState]:
        return {job: self.told[job] for job in jobs if job in self.told}

    def refusal(self, job: Job) -> str:
        return self.refuses

    def submit(self, job: Job, after: Collection[str] = ()) -> Ticket:
        if self.breaks_at and self.number + 1 > self.breaks_at:
            raise CannotRunHere("the queue went away")
        number, self.number = str(self.number), self.number + 1
        self.said.append(("submit", (number, tuple(after), bool(job.tasks))))
        tasks = {task.index: f"{number}_{task.index}" for task in job.tasks}
        logs = {index: f"/logs/{one}.log" for index, one in tasks.items()}
        return Ticket(jobs=(number,), tasks=tasks, logs=logs, notes=(f"charged {number}",) if job.tasks else ())

    def release(self, jobs: Collection[str]) -> None:
        if self.loses == "release":
            raise CannotRunHere("the queue went away")
        self.said.append(("release", tuple(jobs)))

    def cancel(self, jobs: Collection[str]) -> None:
        if self.loses == "cancel":
            raise CannotRunHere("the queue went away")
        self.said.append(("cancel", tuple(jobs)))

    def engine(self, submission: Submission) -> Runner:
        return self


def ended(job: str, word: str, reason: str = "") -> JobState:
    return JobState(job, word, Stage.ENDED, reason, out_of_memory=word == "OUT_OF_MEMORY")


def waits(job: str, reason: str = "Resources") -> JobState:
    return JobState(job, "PENDING", Stage.WAITING, reason)


def handed_over(store: Store, order: Order, queue: FakeQueue) -> Submission | None:
    return submit(store, order, queue, queue.engine).submission


def corrected(store: Store, queue: FakeQueue) -> dict[Run, Correction]:
    return corrections(store, job_states(store, queue.engine))


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
        image=str(tmp_path / "rephase.sif"),
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


def test_jobs_are_told_which_inputs_the_user_allowed(
    store: Store, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert plan(store, order, {}).arrays["baseline"].container.told == {}
    monkeypatch.setenv("REPHASE_INPUTS", "/scratch/a:/scratch/b")
    assert plan(store, order, {}).arrays["baseline"].container.told == {"REPHASE_INPUTS": "/scratch/a:/scratch/b"}


def test_binds_inputs_read_only_and_runs_writable_last(store: Store, order: Order) -> None:
    binds = plan(store, order, {}).arrays["baseline"].container.binds
    assert binds == (Bind(order.project / "reproductions"), Bind(order.runs, writable=True))


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
    first = handed_over(store, order, queue)
    assert first is not None
    queue.told = {job: ended(job, "NODE_FAIL") for job in first.jobs.values()}
    queue.number = 7  # another engine or cluster counts for itself
    handed_over(store, order, queue)
    [latest] = latest_by_run(store, (FIRST,)).values()
    assert latest.jobs[FIRST.label] == "7_0"
    assert latest.sequence == 2


def test_submissions_of_the_first_version_are_read_and_come_first(store: Store, order: Order) -> None:
    submission = handed_over(store, order, FakeQueue())
    assert submission is not None
    keys = ("schema", "phase", "manifest_digest", "image", "arrays", "jobs", "check", "requests")
    written = json.loads((store.folder / "submissions" / "100.json").read_text())
    old = {key: written[key] for key in keys}
    path = store.folder / "submissions" / "900.json"
    path.write_text(json.dumps(old | {"arrays": {"baseline": "900"}, "jobs": {FIRST.label: "900_0"}}))
    first, second = read_submissions(store)
    assert (first.name, first.runner, first.released) == ("900", "slurm", True)
    assert second == submission


def test_a_submission_that_is_none_is_said(store: Store, order: Order) -> None:
    handed_over(store, order, FakeQueue())
    path = store.folder / "submissions" / "100.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": 9}))
    with pytest.raises(InvalidRecord, match="has schema 9, this version reads schema 1"):
        read_submissions(store)
    path.write_text("{")
    with pytest.raises(InvalidRecord, match="is not a submission"):
        read_submissions(store)


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


def test_what_was_killed_for_memory_is_not_repeated_with_no_more_of_it(store: Store, order: Order) -> None:
    queue = FakeQueue()
    order = attrs.evolve(order, overrides={"partition": "ice-gpu", "memory": "10GB"})
    submission = handed_over(store, order, queue)
    assert submission is not None
    queue.told = {job: ended(job, "TIMEOUT") for job in submission.jobs.values()}
    queue.told["100_0"] = ended("100_0", "OUT_OF_MEMORY")
    with pytest.raises(UsageError) as caught:
        handed_over(store, attrs.evolve(order, overrides={"partition": "ice-gpu"}), queue)
    assert str(caught.value) == (
        "phase3-embedded: 1 run was killed for memory with 10GB (baseline/reacher-easy/seed-1); "
        "submit with --memory 20GB, or with --memory 10GB to try the same again"
    )
    others = tuple(run for run in store.phase.runs() if run != FIRST)
    assert plan(store, attrs.evolve(order, wanted=others), job_states(store, queue.engine)).arrays
    assert handed_over(store, attrs.evolve(order, overrides={"partition": "ice-gpu", "memory": "20GB"}), queue)


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


def test_a_requeued_run_waits_again(store: Store, order: Order) -> None:
    queue = FakeQueue()
    submission = handed_over(store, order, queue)
    assert submission is not None
    store.fail(FIRST, "killed")
    queue.told = {job: waits(job, "BeginTime") for job in submission.jobs.values()}
    assert corrected(store, queue) == {FIRST: Correction(State.QUEUED, "100_0", "job 100_0 is PENDING (BeginTime)")}


def test_a_run_somebody_holds_is_left_alone(store: Store, order: Order) -> None:
    queue = FakeQueue()
    handed_over(store, order, queue)
    with store.claim([FIRST]):
        assert FIRST not in corrected(store, queue)
