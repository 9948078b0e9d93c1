"""What was handed to a queue: one file for each submission, beside the runs of its phase.

::

    runs/phase3-embedded-0123456789ab/submissions/4011713.json      named by the first job
    runs/phase3-embedded-0123456789ab/submissions/4011713.baseline.sh   the scripts as they were submitted

A run's own state may lag behind or be lost with its process; which job was to run it stands here. Nothing is
submitted and nobody is asked here. Imports no torch.
"""

from __future__ import annotations

import json
import re
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
from rephase.reproduction.storing import Store, try_lock

__all__ = ["Submission", "latest_by_run", "one_submitter", "read_submissions", "write_submission"]

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
        runner: The engine the jobs were handed to.
        options: Its options.
        site: The site profile that was used; empty for none.
        user: Who submitted; empty where nobody could tell.
        sequence: Which submission of the phase it is, from 1.
        released: Whether the jobs were released to start; those of one that was not are on hold.
        arrays: Job by array, or several with spaces where each run is a job of its own.
        jobs: Job by label of the run, such as ``4011713_4``.
        check: The job that checks the phase afterwards; empty for none.
        requests: What was asked for, by array.
        logs: Where to read what a run's job prints, by label of the run.
        notes: Anything else the engine said.
    """

    schema: int = _SCHEMA
    phase: str
    manifest_digest: str
    image: str
    runner: str = "slurm"
    options: Mapping[str, Any] = field(factory=dict, converter=_read_only)
    site: str = ""
    user: str = ""
    sequence: int = 0
    released: bool = True
    arrays: Mapping[str, str] = field(converter=_read_only)
    jobs: Mapping[str, str] = field(converter=_read_only)
    check: str = ""
    requests: Mapping[str, Any] = field(factory=dict, converter=_read_only)
    logs: Mapping[str, str] = field(factory=dict, converter=_read_only)
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The first job, as files are named after it."""
        first = min((job.split()[0] for job in self.arrays.values()), key=_order)
        return re.sub(r"[^A-Za-z0-9._-]+", ".", first if self.runner == "slurm" else f"{self.runner}-{first}")

    @property
    def order(self) -> tuple[int, tuple[int, str]]:
        """By which submissions are ordered: the latest of a run is the one that counts."""
        return self.sequence, _order(self.name)


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
        write_atomically(folder / f"{submission.name}.{name}.sh", text)
    path = folder / f"{submission.name}.json"
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
        except (ValueError, RecursionError, ManifestError) as error:
            raise InvalidRecord(f"is not a submission ({error})", where=str(path), remedy="move it away") from error
        if submission.schema != _SCHEMA:
            raise InvalidRecord(
                f"has schema {submission.schema}, this version reads schema {_SCHEMA}",
                where=str(path),
                remedy="read it with the version of rephase that wrote it",
            )
        found.append(submission)
    return tuple(sorted(found, key=lambda submission: submission.order))


def latest_by_run(store: Store, runs: tuple[Run, ...]) -> dict[Run, Submission]:
    """The latest submission of each run that was ever submitted.

    Args:
        store: The phase's runs.
        runs: The runs asked about.
    """
    latest = {label: submission for submission in read_submissions(store) for label in submission.jobs}
    return {run: latest[run.label] for run in runs if run.label in latest}


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
        if not try_lock(stream.fileno(), folder / "lock"):
            raise UsageError(
                "another process is submitting these runs", where=str(folder), remedy="wait for it, then look again"
            )
        yield


def _order(job: str) -> tuple[int, str]:
    found = re.search(r"[0-9]+", job)
    return int(found[0]) if found else 0, job


def _folder(store: Store) -> Path:
    return store.folder / "submissions"
