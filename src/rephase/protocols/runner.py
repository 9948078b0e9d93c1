"""What a runner is: an engine that runs jobs elsewhere, such as a queue of a cluster; and what a job is.

A job is an image by its digest, the arguments of ``rephase`` in it, and what it asks for. Nothing here knows an engine;
every value is checked where it is made, so that none can break out of a script.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from attrs import field, frozen

from rephase.errors import UsageError
from rephase.protocols.resources import JobRequest

__all__ = [
    "IMAGE_VARIABLE",
    "JOB_VARIABLE",
    "Bind",
    "Container",
    "Job",
    "JobState",
    "Runner",
    "Stage",
    "JobTask",
    "Ticket",
]

#: Environment variable that tells a process inside a container which image it is in (``sha256:<64 hex>``).
#: A file cannot hold its own digest, so whoever starts the container says it.
IMAGE_VARIABLE = "REPHASE_IMAGE_DIGEST"
#: Environment variable by which an engine without one of its own tells a process which job it is.
JOB_VARIABLE = "REPHASE_JOB"

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PLAIN_PATH = re.compile(r"/[^,:\x00-\x1f\x7f]*")
_PLAIN_IMAGE = re.compile(r"[^,\s\x00-\x1f\x7f][^,\x00-\x1f\x7f]*")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./ -]{0,255}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _read_only(mapping: Mapping[Any, Any]) -> Mapping[Any, Any]:
    return MappingProxyType(dict(mapping))


class Stage(StrEnum):
    """Where a job is in its life, as far as a run cares."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"
    UNKNOWN = "unknown"


@frozen
class JobState:
    """An engine's word on one job.

    Args:
        job: The job, as the runner named it when it was submitted.
        state: The engine's own word, such as ``TIMEOUT`` or ``CANCELLED``.
        stage: What that means; UNKNOWN where the engine says nothing about the job, which does not mean that it ended.
        reason: Why it waits, its exit code once it ended, or why nothing is known.
        out_of_memory: Whether it ended because it needed more memory than it asked for.
    """

    job: str
    state: str
    stage: Stage
    reason: str = ""
    out_of_memory: bool = False


@frozen
class Bind:
    """A folder that a container sees at the same path as whoever submits.

    Args:
        path: Absolute path of the folder.
        writable: Whether the container may write there.

    Raises:
        UsageError: The path is relative or holds a comma, a colon or a control character.
    """

    path: Path
    writable: bool = False

    def __attrs_post_init__(self) -> None:
        if not _PLAIN_PATH.fullmatch(str(self.path)):
            raise _unfit(str(self.path), "the path of a bind")


@frozen
class Container:
    """An image and what it may see of the host.

    Args:
        image: What the engine starts: an absolute path of an image file, or a name in a registry.
        digest: Its digest, ``sha256:<64 hex>``.
        binds: Folders of the host.
        environment: Further environment variables of processes in it, by name.

    Raises:
        UsageError: The image cannot be written in a job, or its digest is none.
    """

    image: str
    digest: str
    binds: tuple[Bind, ...] = ()
    environment: Mapping[str, str] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        pattern = _PLAIN_PATH if self.image.startswith("/") else _PLAIN_IMAGE
        if not pattern.fullmatch(self.image):
            raise _unfit(self.image, "an image")
        if not _DIGEST.fullmatch(self.digest):
            raise UsageError(
                f"{self.digest!r} is no digest", where=self.image, remedy="write sha256: and 64 hex digits"
            )


@frozen
class JobTask:
    """One run of a job.

    Args:
        index: Its index, 0-based, as ``rephase run --index`` takes it.
        label: The run, such as ``baseline/walker-stand/seed-42``.
    """

    index: int
    label: str

    def __attrs_post_init__(self) -> None:
        if not _LABEL.fullmatch(self.label):
            raise UsageError(f"{self.label!r} cannot stand in a job", where="run", remedy="use plain names for runs")


@frozen(kw_only=True)
class Job:
    """What an engine is asked to run.

    Args:
        name: Name of the job.
        title: One line on what it is, for readers.
        tasks: The runs, each of which is started on its own; none for a job that is one command.
        request: What each task asks for.
        container: Image and binds.
        arguments: Arguments of ``rephase``, without what is the task's own.
        log_folder: Folder for what tasks print; there when the job is submitted.
        throttle: How many tasks may run at once; None for no limit.

    Raises:
        UsageError: A value cannot stand in a job.
    """

    name: str
    title: str
    tasks: tuple[JobTask, ...] = ()
    request: JobRequest
    container: Container
    arguments: tuple[str, ...]
    log_folder: Path
    throttle: int | None = field(default=None)

    def __attrs_post_init__(self) -> None:
        if not _WORD.fullmatch(self.name):
            raise UsageError(
                f"{self.name!r} cannot stand in a job", where="job name", remedy="use letters, digits and _ . - only"
            )
        if not re.fullmatch(r"[ -~]{1,300}", self.title):
            raise UsageError(
                f"{self.title!r} is not one line of plain text", where=self.name, remedy="write a shorter title"
            )
        if any(_CONTROL.search(argument) for argument in self.arguments):
            raise UsageError("an argument holds a control character", where=self.name, remedy="take it out")
        if self.throttle is not None and not 1 <= self.throttle <= 10000:
            raise UsageError(
                f"{self.throttle} is not a number of tasks from 1 to 10000",
                where="--throttle",
                remedy="leave it out for no limit",
            )

    def words(self, task: JobTask) -> tuple[str, ...]:
        """Arguments of ``rephase`` for one task; the run is named too, so that an edited manifest starts no other."""
        return (*self.arguments, "--index", str(task.index), "--expect-run", task.label)


@frozen(kw_only=True)
class Ticket:
    """What an engine answered to a job.

    Args:
        jobs: The jobs it made of it: what is released, cancelled and waited for.
        tasks: Job by index of the task; empty for a job without tasks.
        logs: Where to read what each task prints, by index; of a job without tasks under ``-1``.
        notes: Anything else the engine said, line by line.
    """

    jobs: tuple[str, ...]
    tasks: Mapping[int, str] = field(factory=dict, converter=_read_only)
    logs: Mapping[int, str] = field(factory=dict, converter=_read_only)
    notes: tuple[str, ...] = ()


@runtime_checkable
class Runner(Protocol):
    """An engine that runs jobs, as a plugin offers it.

    What a runner cannot find out is UNKNOWN and never "gone": a run whose job is unknown is left as it is. Every method
    raises `rephase.errors.CannotRunHere` when the engine cannot be asked, and `rephase.errors.UsageError` for a job
    that cannot be written down for it.
    """

    def version(self) -> str:
        """The engine's version, by asking it."""
        ...

    def text(self, job: Job) -> str:
        """The job as it is handed over, for people to read: a pure function."""
        ...

    def refusal(self, job: Job) -> str:
        """Why the engine would not take the job, without submitting it; empty when it would."""
        ...

    def submit(self, job: Job, after: Collection[str] = ()) -> Ticket:
        """Hand a job over; with tasks, on hold until `release` where the engine can hold.

        Args:
            job: The job.
            after: Jobs that must have ended before this one starts, however they end.
        """
        ...

    def release(self, jobs: Collection[str]) -> None:
        """Let jobs start that were submitted on hold."""
        ...

    def cancel(self, jobs: Collection[str]) -> None:
        """End jobs; those that have ended are let be."""
        ...

    def states(self, jobs: Collection[str]) -> Mapping[str, JobState]:
        """What became of jobs: one state for each job asked about."""
        ...


def _unfit(value: str, what: str) -> UsageError:
    return UsageError(
        f"{value!r} cannot be {what}: a comma, a colon or a control character, or not absolute",
        remedy="move it to a folder with a plain name",
    )
