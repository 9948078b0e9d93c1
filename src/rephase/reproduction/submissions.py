"""What was handed to a queue: one file for each submission, beside the runs of its phase.

::

    runs/phase3-embedded-0123456789ab/submissions/4011713.json      named by the first job
    runs/phase3-embedded-0123456789ab/submissions/4011713.baseline.sh   the scripts as they were submitted

A run's own state may lag behind or be lost with its process; which job was to run it stands here. Nothing is
submitted and nobody is asked here. Imports no torch.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from attrs import field, frozen

from rephase.errors import InvalidRecord, ManifestError, UsageError
from rephase.manifest import Run
from rephase.manifest.hashing import plain
from rephase.manifest.reading import structure
from rephase.manifest.writing import write_atomically
from rephase.reproduction.storing import Store

__all__ = ["Submission", "job_by_run", "one_submitter", "read_submissions", "write_submission"]

_SCHEMA = 1


def _read_only(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(mapping))


@frozen(kw_only=True)
class Submission:
    """Jobs that were handed to a queue together.

    Args:
        schema: Version of the file's shape.
        phase: Phase and scale.
        manifest_digest: Digest of the manifest.
        image: Digest of the container image.
        arrays: Number of the job by array.
        jobs: Job by label of the run, such as ``4011713_4``.
        check: Number of the job that checks the phase afterwards; empty for none.
        requests: What was asked for, by array.
    """

    schema: int = _SCHEMA
    phase: str
    manifest_digest: str
    image: str
    arrays: Mapping[str, str] = field(converter=_read_only)
    jobs: Mapping[str, str] = field(converter=_read_only)
    check: str = ""
    requests: Mapping[str, Any] = field(factory=dict, converter=_read_only)

    @property
    def number(self) -> int:
        """The first job's number, by which submissions are ordered and named."""
        return min(int(job) for job in self.arrays.values())


def write_submission(store: Store, submission: Submission, scripts: Mapping[str, str]) -> Path:
    """Write down what was submitted.

    Args:
        store: The phase's runs.
        submission: The jobs.
        scripts: Text of each script by array, and of the check's.

    Returns:
        The file.
    """
    folder = _folder(store)
    for name, text in scripts.items():
        write_atomically(folder / f"{submission.number}.{name}.sh", text)
    path = folder / f"{submission.number}.json"
    write_atomically(path, json.dumps(plain(submission), indent=2, sort_keys=True) + "\n")
    return path


def read_submissions(store: Store) -> tuple[Submission, ...]:
    """Read every submission of a phase, the earliest first.

    Args:
        store: The phase's runs.

    Raises:
        InvalidRecord: A file is not one this version wrote.
    """
    found = []
    for path in _folder(store).glob("*.json"):
        try:
            submission = structure(json.loads(path.read_text(encoding="utf-8")), Submission, str(path))
        except (OSError, ValueError, ManifestError) as error:
            raise InvalidRecord(f"is not a submission ({error})", where=str(path), remedy="move it away") from error
        if submission.schema != _SCHEMA:
            raise InvalidRecord(
                f"has schema {submission.schema}, this version reads schema {_SCHEMA}",
                where=str(path),
                remedy="read it with the version of rephase that wrote it",
            )
        found.append(submission)
    return tuple(sorted(found, key=lambda submission: submission.number))


def job_by_run(store: Store, runs: tuple[Run, ...]) -> dict[Run, str]:
    """The latest job of each run that was ever submitted.

    Args:
        store: The phase's runs.
        runs: The runs asked about.
    """
    jobs: dict[str, str] = {}
    for submission in read_submissions(store):
        jobs |= submission.jobs
    return {run: jobs[run.label] for run in runs if run.label in jobs}


@contextmanager
def one_submitter(store: Store) -> Iterator[None]:
    """Keep every other process from submitting this phase's runs for the length of the block.

    Args:
        store: The phase's runs.

    Raises:
        UsageError: Another process is submitting them now.
    """
    folder = _folder(store)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as stream:
        try:
            fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                "another process is submitting these runs", where=str(folder), remedy="wait for it, then look again"
            ) from error
        yield


def _folder(store: Store) -> Path:
    return store.folder / "submissions"
