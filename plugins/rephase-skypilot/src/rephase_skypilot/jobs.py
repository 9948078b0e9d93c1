"""Talks to SkyPilot through its program ``sky``: one managed job a run.

SkyPilot cannot hold a job and knows no job that waits for others: a run starts as soon as it is launched, and the check
is left to whoever looks. A managed job that SkyPilot says nothing about is unknown. One that ended well is unknown too
until its record is in the folder that is looked at: that folder may be a copy of the volume or bucket.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from rephase.errors import CannotRunHere, UsageError
from rephase.protocols import Job, JobState, Stage, Ticket
from rephase_skypilot.options import SkyOptions
from rephase_skypilot.tasks import task_name, task_text

__all__ = ["SkyPilot", "launched_job", "parse_queue"]

Call = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]
_WAITING = {"PENDING", "SUBMITTED", "STARTING"}
_RUNNING = {"RUNNING", "WINDING_DOWN", "RECOVERING", "CANCELLING"}
_ENDED = {"CANCELLED", "FAILED", "FAILED_SETUP", "FAILED_PRECHECKS", "FAILED_NO_RESOURCE", "FAILED_CONTROLLER"}
_STYLE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_MEMORY = re.compile(r"OOMKilled|out of memory", re.IGNORECASE)


def _call(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False, stdin=subprocess.DEVNULL)


class SkyPilot:
    """SkyPilot's managed jobs, as the ``sky`` of this machine reaches them.

    Args:
        options: What is asked of SkyPilot apart from resources.
        call: Runs one command; replaced in tests.
    """

    def __init__(self, options: SkyOptions | None = None, call: Call = _call) -> None:
        self._options = options or SkyOptions()
        self._call = call

    def version(self) -> str:
        """Return SkyPilot's version.

        Raises:
            CannotRunHere: There is no ``sky`` here.
        """
        return self._run(["sky", "--version"]).strip()

    def text(self, job: Job) -> str:
        """Return the tasks of a job as one YAML stream, one document a run."""
        if not job.tasks:
            raise UsageError("SkyPilot starts nothing after others", where=job.name, remedy="leave it out (--no-check)")
        return "---\n".join(task_text(job, task, self._options) for task in job.tasks)

    def refusal(self, job: Job) -> str:
        """Make sure that there is a SkyPilot; it says only when it launches whether it would take a job."""
        self.text(job)
        self.version()
        return ""

    def submit(self, job: Job, after: Collection[str] = ()) -> Ticket:
        """Launch one managed job for each run; none waits for `release`.

        Raises:
            CannotRunHere: SkyPilot refused one; those that were launched are cancelled.
        """
        tasks: dict[int, str] = {}
        try:
            with tempfile.TemporaryDirectory(prefix="rephase-skypilot-") as folder:
                for task in job.tasks:
                    name = task_name(job, task)
                    file = Path(folder) / f"{name}.yaml"
                    file.write_text(task_text(job, task, self._options), encoding="utf-8")
                    output = self._run(["sky", "jobs", "launch", "--yes", "--detach-run", "--name", name, str(file)])
                    tasks[task.index] = launched_job(output) or self._latest_of(name)
        except BaseException:
            if tasks:
                self.cancel(tuple(tasks.values()))
            raise
        logs = {index: f"sky jobs logs {number}" for index, number in tasks.items()}
        return Ticket(jobs=tuple(tasks.values()), tasks=tasks, logs=logs)

    def release(self, jobs: Collection[str]) -> None:
        """Do nothing: a managed job is not held."""

    def cancel(self, jobs: Collection[str]) -> None:
        """Cancel managed jobs; those that have ended are let be."""
        if jobs:
            self._run(["sky", "jobs", "cancel", "--yes", *sorted(jobs, key=int)])

    def states(self, jobs: Collection[str]) -> Mapping[str, JobState]:
        """Ask what became of managed jobs; UNKNOWN for those SkyPilot does not list."""
        if not jobs:
            return {}
        states = parse_queue(self._run(["sky", "jobs", "queue", "--all", "--output", "json"]))
        silent = "sky jobs queue does not list it"
        return {job: states.get(job) or JobState(job, "UNKNOWN", Stage.UNKNOWN, silent) for job in jobs}

    def _latest_of(self, name: str) -> str:
        rows = _rows(self._run(["sky", "jobs", "queue", "--all", "--output", "json"]))
        found = [int(row["job_id"]) for row in rows if row.get("job_name") == name and row.get("job_id") is not None]
        if not found:
            raise CannotRunHere(
                f"sky launched {name} and did not say which job it is",
                where="SkyPilot",
                remedy="look at sky jobs queue",
            )
        return str(max(found))

    def _run(self, command: Sequence[str]) -> str:
        try:
            done = self._call(command)
        except FileNotFoundError as error:
            raise CannotRunHere(
                "sky is not here",
                where="SkyPilot",
                remedy="install SkyPilot, for example with uv tool install skypilot",
            ) from error
        except subprocess.TimeoutExpired as error:
            raise CannotRunHere(
                f"sky did not answer within {error.timeout:.0f} s", where="SkyPilot", remedy="try again later"
            ) from error
        if done.returncode != 0:
            lines = _STYLE.sub("", done.stderr or done.stdout).split("\n")
            words = "; ".join(line.strip() for line in lines if line.strip())
            raise CannotRunHere(
                f"{' '.join(command[:3])} ended with exit code {done.returncode}: {words[-400:] or 'no reason given'}",
                where="SkyPilot",
                remedy="'sky check' says what this machine can reach",
            )
        return _STYLE.sub("", done.stdout)


def launched_job(text: str) -> str:
    """Read what ``sky jobs launch`` says; empty where it names no job."""
    found = set(re.findall(r"Managed Job ID:\s*([0-9]+)", text))
    return found.pop() if len(found) == 1 else ""


def parse_queue(text: str) -> dict[str, JobState]:
    """Read ``sky jobs queue --output json``.

    Args:
        text: What it printed.

    Returns:
        State by job.

    Raises:
        CannotRunHere: It is no JSON.
    """
    states: dict[str, JobState] = {}
    for row in _rows(text):
        if row.get("job_id") is None:
            continue
        job, word = str(row["job_id"]), str(row.get("status") or "UNKNOWN")
        reason = " ".join(str(row.get("failure_reason") or row.get("details") or "").split())
        stage = Stage.UNKNOWN
        if word in _WAITING:
            stage = Stage.WAITING
        elif word in _RUNNING:
            stage = Stage.RUNNING
        elif word in _ENDED:
            stage = Stage.ENDED
        elif word == "SUCCEEDED":
            reason = "it succeeded, and its record is not in this folder: bring the volume or bucket here"
        states[job] = JobState(job, word, stage, reason, out_of_memory=bool(_MEMORY.search(reason)))
    return states


def _rows(text: str) -> list[dict[str, Any]]:
    start = text.find("[" if "[" in text else "{")
    try:
        rows = json.loads(text[max(start, 0) :])
    except ValueError as error:
        raise CannotRunHere(
            f"sky jobs queue printed no JSON: {text.strip()[:200]!r}",
            where="SkyPilot",
            remedy="use SkyPilot 0.11 or later",
        ) from error
    return [row for row in rows if isinstance(row, dict)]
