"""Talks to SLURM: submits scripts and asks what became of jobs.

Only the plain columns of ``squeue`` and ``sacct`` are read (their JSON differs between versions). A queue that cannot
be asked is an error and never read as "the job is gone".
"""

from __future__ import annotations

import getpass
import os
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum

from attrs import evolve, frozen

from rephase.errors import CannotRunHere

__all__ = ["JobState", "Queue", "Stage", "expand_job", "parse_sacct", "parse_squeue"]

_JOB = re.compile(r"(?P<job>[0-9]+)(?:_(?:(?P<task>[0-9]+)|\[(?P<tasks>[0-9,-]+)(?:%[0-9]+)?\]))?")
_ALIVE = {"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"}
_RUNNING = {"RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"}


class Stage(StrEnum):
    """Where a job is in its life, as far as a run cares."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"


@frozen
class JobState:
    """The queue's word on one job or array task.

    Args:
        job: The job as the queue prints it: ``4011713_4`` or ``4011713``.
        state: SLURM's own word, such as ``TIMEOUT`` or ``CANCELLED``.
        reason: Why it waits, or its exit code once it ended.
    """

    job: str
    state: str
    reason: str = ""

    @property
    def stage(self) -> Stage:
        """Where the job is in its life."""
        if self.state in _ALIVE:
            return Stage.WAITING
        return Stage.RUNNING if self.state in _RUNNING else Stage.ENDED


def expand_job(job: str) -> tuple[str, ...]:
    """Name each task of what the queue prints for a job.

    Args:
        job: ``17``, ``17_4`` or, for tasks that wait, ``17_[0-2,5%2]``.

    Returns:
        The tasks, such as ``17_0``; empty when the text is no job, such as a step.
    """
    match = _JOB.fullmatch(job)
    if match is None:
        return ()
    if match["tasks"] is None:
        return (job,)
    tasks: list[str] = []
    for span in match["tasks"].split(","):
        first, _, last = span.partition("-")
        if first:
            tasks += [f"{match['job']}_{index}" for index in range(int(first), int(last or first) + 1)]
    return tuple(tasks)


def parse_squeue(text: str) -> dict[str, JobState]:
    """Read ``squeue --noheader --array --format='%i|%T|%r'``.

    Args:
        text: What it printed.

    Returns:
        State by job.
    """
    states: dict[str, JobState] = {}
    for line in text.splitlines():
        job, state, reason = (*line.strip().split("|", 2), "", "")[:3]
        for task in expand_job(job):
            told = JobState(task, state.upper(), "" if reason == "None" else reason)
            # A job that ended still shows why it once waited.
            states[task] = evolve(told, reason="") if told.stage is Stage.ENDED else told
    return states


def parse_sacct(text: str) -> dict[str, JobState]:
    """Read ``sacct -X -P -n -o JobID,State,ExitCode``.

    Args:
        text: What it printed.

    Returns:
        State by job; ``CANCELLED by 1000`` is ``CANCELLED``, and of several lines for a job the last counts.
    """
    states: dict[str, JobState] = {}
    for line in text.splitlines():
        job, state, code = (*line.strip().split("|", 2), "", "")[:3]
        word = state.split(" ", 1)[0].rstrip("+").upper()
        if not word:
            continue
        for task in expand_job(job):
            states[task] = JobState(task, word, f"exit code {code}" if code and code != "0:0" else "")
    return states


Call = Callable[[Sequence[str], str], "subprocess.CompletedProcess[str]"]


def _call(command: Sequence[str], given: str) -> subprocess.CompletedProcess[str]:
    # sbatch lets SBATCH_* variables beat the script's own lines: what is submitted must be what was shown.
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("SBATCH_", "SQUEUE_"))}
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=120, check=False, env=environ)


class Queue:
    """The SLURM queue of this machine.

    Args:
        call: Runs one command with a text on its standard input; replaced in tests.
    """

    def __init__(self, call: Call = _call) -> None:
        self._call = call

    def version(self) -> str:
        """Return SLURM's version.

        Raises:
            CannotRunHere: There is no SLURM here.
        """
        return self._run(["sbatch", "--version"]).strip()

    def refusal(self, script: str) -> str:
        """Ask whether the queue would take a script, without submitting it.

        Args:
            script: Text of the script.

        Returns:
            Why it would not; empty when it would.
        """
        done = self._ask(["sbatch", "--test-only"], script)
        return "" if done.returncode == 0 else _complaint(done)

    def submit(self, script: str, after: Iterable[str] = (), hold: bool = False) -> str:
        """Submit a script.

        Args:
            script: Text of the script.
            after: Jobs that must have ended before this one starts, however they end.
            hold: Whether it waits for `release`.

        Returns:
            The job's number.

        Raises:
            CannotRunHere: The queue refused it.
        """
        jobs = sorted(after)
        for job in jobs:
            if not job.isdigit():  # our own bug: these are numbers this class returned
                raise ValueError(f"{job!r} is no job number")
        command = ["sbatch", "--parsable"]
        if hold:
            command.append("--hold")
        if jobs:
            command += [f"--dependency=afterany:{':'.join(jobs)}", "--kill-on-invalid-dep=yes"]
        answer = self._run(command, script).strip().splitlines()
        number = answer[-1].split(";", 1)[0] if answer else ""
        if not number.isdigit():
            raise CannotRunHere(f"sbatch answered {answer!r} and no job number", where="SLURM", remedy="look at squeue")
        return number

    def release(self, job: str) -> None:
        """Let a job start that was submitted with ``hold``."""
        self._run(["scontrol", "release", job])

    def cancel(self, jobs: Iterable[str]) -> None:
        """Cancel jobs; those that have ended already are let be."""
        self._run(["scancel", "--quiet", *sorted(jobs)])

    def states(self, jobs: Iterable[str]) -> Mapping[str, JobState]:
        """Ask what became of jobs.

        Args:
            jobs: Jobs or array tasks as the queue prints them.

        Returns:
            State by job, for those the queue or its accounting knows; a job that is missing is unknown to both.

        Raises:
            CannotRunHere: The queue cannot be asked.
        """
        wanted = set(jobs)
        if not wanted:
            return {}
        user = getpass.getuser()
        listed = self._run(["squeue", "--noheader", "--array", "--states=all", "--user", user, "--format=%i|%T|%r"])
        found = {job: state for job, state in parse_squeue(listed).items() if job in wanted}
        numbers = sorted({job.split("_", 1)[0] for job in wanted - set(found)}, key=int)
        if numbers:
            done = self._ask(["sacct", "-X", "-P", "-n", "-o", "JobID,State,ExitCode", "-j", ",".join(numbers)])
            # A cluster without accounting: then the queue's own list is all there is to ask.
            if done.returncode == 0:
                found |= {job: state for job, state in parse_sacct(done.stdout).items() if job in wanted - set(found)}
        return found

    def _run(self, command: Sequence[str], given: str = "") -> str:
        done = self._ask(command, given)
        if done.returncode != 0:
            raise CannotRunHere(
                f"{command[0]} ended with exit code {done.returncode}: {_complaint(done)}",
                where="SLURM",
                remedy="change what was asked for, or ask the cluster's staff",
            )
        return done.stdout

    def _ask(self, command: Sequence[str], given: str = "") -> subprocess.CompletedProcess[str]:
        try:
            return self._call(command, given)
        except FileNotFoundError as error:
            raise CannotRunHere(
                f"{command[0]} is not here", where="SLURM", remedy="run this on a login node of the cluster"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise CannotRunHere(
                f"{command[0]} did not answer within {error.timeout:.0f} s", where="SLURM", remedy="try again later"
            ) from error


def _complaint(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    words = [re.sub(r"^(sbatch|squeue|scontrol|scancel|allocation failure|error):\s*", "", line) for line in lines]
    words = [re.sub(r"^(error|allocation failure):\s*", "", word) for word in words]
    return "; ".join(words) or "no reason given"
