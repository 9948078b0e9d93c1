"""Talks to SLURM: submits scripts and asks what became of jobs.

Only plain columns are read (the JSON of SLURM's programs differs between versions). A queue that cannot be asked is an
error and never read as "the job is gone"; a job that neither the queue nor its accounting speaks of is unknown. A job
is named as the queue prints it, ``4011713_4``; where a federation gave it to another cluster, that follows after a
semicolon, ``4011713_4;sibling``, and every later call goes there.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence

from rephase.errors import CannotRunHere
from rephase.protocols import Job, JobState, Stage, Ticket
from rephase_slurm.answers import complaint, parse_sacct, parse_squeue, submitted_job
from rephase_slurm.options import SlurmOptions
from rephase_slurm.scripts import script

__all__ = ["Slurm"]

_MANY = 200
Call = Callable[[Sequence[str], str], "subprocess.CompletedProcess[str]"]


def _call(command: Sequence[str], given: str) -> subprocess.CompletedProcess[str]:
    # sbatch lets SBATCH_* variables beat the script's own lines: what is submitted must be what was shown.
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SBATCH_", "SQUEUE_", "SACCT_", "SCANCEL_")) and name != "SLURM_CLUSTERS"
    }
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=120, check=False, env=environ)


class Slurm:
    """The SLURM queue of this machine.

    Args:
        options: What jobs ask for apart from resources.
        call: Runs one command with a text on its standard input; replaced in tests.
    """

    def __init__(self, options: SlurmOptions | None = None, call: Call = _call) -> None:
        self._options = options or SlurmOptions()
        self._call = call

    def version(self) -> str:
        """Return SLURM's version.

        Raises:
            CannotRunHere: There is no SLURM here.
        """
        return self._run(["sbatch", "--version"]).strip()

    def text(self, job: Job) -> str:
        """Return the batch script of a job."""
        return script(job, self._options)

    def refusal(self, job: Job) -> str:
        """Ask whether the queue would take a job, without submitting it.

        Args:
            job: The job.

        Returns:
            Why it would not; empty when it would.
        """
        done = self._ask(["sbatch", "--test-only"], self.text(job))
        return "" if done.returncode == 0 else complaint(done)

    def submit(self, job: Job, after: Collection[str] = ()) -> Ticket:
        """Submit a job; an array is on hold until it is released.

        Args:
            job: The job.
            after: Jobs that must have ended before this one starts, however they end.

        Raises:
            CannotRunHere: The queue refused it, or nobody can say which job it became.
        """
        clusters = {_parted(one)[1] for one in after}
        command = ["sbatch", "--parsable", *(["-M", cluster] if (cluster := min(clusters, default="")) else [])]
        if job.tasks:
            command.append("--hold")
        if after:
            numbers = ":".join(sorted(_number(one) for one in after))
            command += [f"--dependency=afterany:{numbers}", "--kill-on-invalid-dep=yes"]
        number, notes = self._submitted(command, job)
        bare, cluster = _parted(number)
        tasks = {task.index: _joined(f"{bare}_{task.index}", cluster) for task in job.tasks}
        logs = {index: str(job.log_folder / f"{job.name}-{bare}_{index}.log") for index in tasks}
        return Ticket(
            jobs=(number,),
            tasks=tasks,
            logs=logs or {-1: str(job.log_folder / f"{job.name}-{bare}.log")},
            notes=notes,
        )

    def release(self, jobs: Collection[str]) -> None:
        """Let jobs start that were submitted on hold."""
        for cluster, numbers in _by_cluster(jobs).items():
            for number in numbers:
                self._run(["scontrol", *_at(cluster), "release", number])

    def cancel(self, jobs: Collection[str]) -> None:
        """Cancel jobs; those that have ended already are let be."""
        for cluster, numbers in _by_cluster(jobs).items():
            for at in range(0, len(numbers), _MANY):
                self._run(["scancel", *_at(cluster), "--quiet", *numbers[at : at + _MANY]])

    def states(self, jobs: Collection[str]) -> Mapping[str, JobState]:
        """Ask what became of jobs.

        Args:
            jobs: Jobs or array tasks, as they were named when they were submitted.

        Returns:
            A state for each; UNKNOWN for what neither the queue nor its accounting speaks of.

        Raises:
            CannotRunHere: The queue cannot be asked.
        """
        found: dict[str, JobState] = {}
        for cluster, wanted in _by_cluster(jobs).items():
            answered = self._states(wanted, cluster)
            for one in wanted:
                name = _joined(one, cluster)
                state = answered.get(one)
                found[name] = (
                    JobState(name, state.state, state.stage, state.reason, state.out_of_memory)
                    if state
                    else JobState(name, "UNKNOWN", Stage.UNKNOWN, answered[""].reason)
                )
        return found

    def _states(self, wanted: list[str], cluster: str) -> dict[str, JobState]:
        """States by job as the queue prints it, and under the empty name why others are not known."""
        silent = "neither squeue nor sacct speaks of it: it may be another user's, or too old"
        found = {"": JobState("", "", Stage.UNKNOWN, silent)}
        numbers = sorted({job.split("_", 1)[0] for job in wanted}, key=int)
        for at in range(0, len(numbers), _MANY):
            some = ",".join(numbers[at : at + _MANY])
            listed = self._listed(some, cluster)
            found |= {job: state for job, state in listed.items() if job in wanted}
        left = [job for job in wanted if job not in found]
        numbers = sorted({job.split("_", 1)[0] for job in left}, key=int)
        for at in range(0, len(numbers), _MANY):
            some = ",".join(numbers[at : at + _MANY])
            columns = "JobID,State,ExitCode"
            done = self._ask(["sacct", *_at(cluster), "--allusers", "-X", "-P", "-n", "-o", columns, "-j", some])
            if done.returncode == 0:
                found |= {job: state for job, state in parse_sacct(done.stdout).items() if job in left}
            else:
                found[""] = JobState("", "", Stage.UNKNOWN, f"squeue does not list it, and sacct: {complaint(done)}")
        return found

    def _listed(self, numbers: str, cluster: str) -> dict[str, JobState]:
        words = ["squeue", *_at(cluster), "--noheader", "--array", "--states=all", "--format=%i|%T|%r"]
        done = self._ask([*words, f"--jobs={numbers}"])
        if done.returncode != 0 and "invalid job id" in complaint(done).lower():
            return {}
        return parse_squeue(self._checked(words, done))

    def _submitted(self, command: Sequence[str], job: Job) -> tuple[str, tuple[str, ...]]:
        text = self.text(job)
        before = self._of_this_name(job.name) if job.tasks else ()
        try:
            done = self._ask(command, text)
        except BaseException:
            # Nobody saw the answer, but the queue may have taken it; it is on hold, and must not be forgotten there.
            self._forget(job, before)
            raise
        answer = self._checked(command, done)
        number, notes = submitted_job(answer)
        if number:
            return number, (*notes, *(line for line in done.stderr.splitlines() if line.strip()))
        fresh = [one for one in self._of_this_name(job.name) if one not in before] if job.tasks else []
        if len(fresh) == 1:
            return fresh[0], tuple(line.strip() for line in answer.splitlines() if line.strip())
        raise CannotRunHere(
            f"sbatch answered {answer.strip()!r} and no job number",
            where="SLURM",
            remedy=f"'squeue --me --name={job.name}' shows whether it took the job; end it with scancel",
        )

    def _forget(self, job: Job, before: Collection[str]) -> None:
        try:
            fresh = [one for one in self._of_this_name(job.name) if one not in before] if job.tasks else []
            if fresh:
                self.cancel(fresh)
        except CannotRunHere:  # it cannot be asked now either; what stopped the submission is what is said
            return

    def _of_this_name(self, name: str) -> tuple[str, ...]:
        """Numbers of this user's waiting jobs of a name; nothing where the queue cannot be asked."""
        done = self._ask(["squeue", "--me", "--noheader", "--states=PENDING", "--format=%A", f"--name={name}"])
        found = done.stdout.split() if done.returncode == 0 else []
        return tuple(sorted({one for one in found if one.isdigit()}))

    def _run(self, command: Sequence[str], given: str = "") -> str:
        return self._checked(command, self._ask(command, given))

    def _checked(self, command: Sequence[str], done: subprocess.CompletedProcess[str]) -> str:
        if done.returncode != 0:
            raise CannotRunHere(
                f"{command[0]} ended with exit code {done.returncode}: {complaint(done)}",
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


def _parted(job: str) -> tuple[str, str]:
    bare, _, cluster = job.partition(";")
    if not re.fullmatch(r"[0-9]+(_[0-9]+)?", bare):  # our own bug: these are names this module made
        raise ValueError(f"{job!r} is no job number")
    return bare, cluster


def _joined(job: str, cluster: str) -> str:
    return f"{job};{cluster}" if cluster else job


def _number(job: str) -> str:
    return _parted(job)[0]


def _at(cluster: str) -> list[str]:
    return ["-M", cluster] if cluster else []


def _by_cluster(jobs: Collection[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for job in sorted(jobs):
        bare, cluster = _parted(job)
        found.setdefault(cluster, []).append(bare)
    return found
