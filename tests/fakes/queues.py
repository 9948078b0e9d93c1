"""A queue in memory, and what tests of submitting do with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rephase.errors import CannotRunHere
from rephase.manifest import Run
from rephase.protocols import Job, JobState, Runner, Stage, Ticket
from rephase.reproduction.jobs import Order
from rephase.reproduction.reconciling import Correction, corrections, job_states
from rephase.reproduction.storing import Store
from rephase.reproduction.submissions import Submission
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


def complete(store: Store, run: Run) -> None:
    """Make a run look completed: its record is there."""
    path = store.record_path(run)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
