"""What SLURM's programs print, read: pure functions over text."""

from __future__ import annotations

import re
import subprocess

from rephase.protocols import JobState, Stage

__all__ = ["complaint", "expand_job", "parse_sacct", "parse_squeue", "submitted_job"]

_JOB = re.compile(r"(?P<job>[0-9]+)(?:_(?:(?P<task>[0-9]+)|\[(?P<tasks>[0-9,-]+)(?:%[0-9]+)?\]))?")
_ANSWER = re.compile(
    r"(?:Submitted batch job )?(?P<job>[0-9]+)(?:(?:;| on cluster )(?P<cluster>[A-Za-z0-9][A-Za-z0-9_.-]*))?"
)
_ALIVE = {"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"}
_RUNNING = {"RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"}
_ENDED = {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "LAUNCH_FAILED", "NODE_FAIL", "OUT_OF_MEMORY"}
_ENDED |= {"PREEMPTED", "RECONFIG_FAIL", "REVOKED", "TIMEOUT", "EXPEDITING"}


def submitted_job(answer: str) -> tuple[str, tuple[str, ...]]:
    """Read what ``sbatch --parsable`` answered, also where a site adds lines of its own.

    Args:
        answer: What it printed.

    Returns:
        The job, with its cluster after a semicolon where one is named, and the other lines. The job is empty where the
        answer does not say which of several numbers it is.
    """
    lines = [line.strip() for line in answer.splitlines() if line.strip()]
    whole = [line for line in lines if _ANSWER.fullmatch(line)]
    if len(whole) == 1:
        match = _ANSWER.fullmatch(whole[0])
        assert match is not None
        job = f"{match['job']};{match['cluster']}" if match["cluster"] else match["job"]
        return job, tuple(line for line in lines if line != whole[0])
    numbers = set(re.findall(r"(?<![\w.-])[0-9]+(?![\w-]|\.[0-9])", answer))
    return (numbers.pop() if len(numbers) == 1 and not whole else ""), tuple(lines)


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
            queued = _state(task, state.upper(), "" if reason == "None" else reason)
            # A job that ended still shows why it once waited.
            states[task] = _state(task, state.upper(), "") if queued.stage is Stage.ENDED else queued
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
            states[task] = _state(task, word, f"exit code {code}" if code and code != "0:0" else "")
    return states


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """What a program said of why it failed, on one line."""
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    words = [
        re.sub(r"^(sbatch|squeue|sacct|scontrol|scancel|allocation failure|error):\s*", "", line) for line in lines
    ]
    words = [re.sub(r"^(error|allocation failure):\s*", "", word) for word in words]
    return "; ".join(words) or "no reason given"


def _state(job: str, state: str, reason: str) -> JobState:
    if state in _ALIVE:
        stage = Stage.WAITING
    elif state in _RUNNING:
        stage = Stage.RUNNING
    else:
        stage = Stage.ENDED if state in _ENDED else Stage.UNKNOWN
    return JobState(job, state, stage, reason, out_of_memory=state == "OUT_OF_MEMORY")
