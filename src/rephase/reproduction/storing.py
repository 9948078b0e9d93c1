"""Where runs are kept: one folder a run, named by the manifest's digest and the run, never by a clock.

::

    runs/phase3-embedded-0123456789ab/          the phase: lock.json
        baseline/walker-stand/seed-42/          the run: state.json, policy.safetensors, record.json
        baseline/cohort-0123456789ab/           state of runs trained together, while they train

Every file appears whole or not at all (temporary file, fsync, rename), and a run's record is written last: a run is
COMPLETED exactly when its record is there. A run is held by a lock on an open file, which the system gives back when
a process dies however it dies; where there are no locks nothing is run. Looking never writes. Plain files only, so that
it works on network file systems. Imports no torch.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from rephase.errors import InvalidRecord, ManifestError
from rephase.manifest import Phase, Run
from rephase.manifest.hashing import digest_of, plain, short
from rephase.manifest.lock import Lock, format_lock, read_lock
from rephase.manifest.reading import structure
from rephase.manifest.record import Record, format_record, read_record
from rephase.manifest.writing import naming, write_atomically

__all__ = ["RunState", "State", "Store", "try_lock"]

_STATE_SCHEMA = 1
_TRIES = 5
_PAUSE_SECONDS = 0.02


class State(StrEnum):
    """Where a run is in its life."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


@frozen(kw_only=True)
class RunState:
    """A run's state file.

    Args:
        schema: Version of the file's shape.
        state: Where the run is in its life.
        attempt: Attempts begun so far.
        resumed: Whether the latest attempt went on from a checkpoint.
        epoch: Updates done when this was written.
        epochs: Updates in all.
        reason: Why it is FAILED, or why it waits.
        host: Machine of the latest attempt.
        process: Process id there.
        job: Job of the cluster's queue; empty outside one.
        updated: When this was written, ISO 8601 in UTC; for people, nothing is decided by it.
    """

    schema: int = _STATE_SCHEMA
    state: State
    attempt: int = 0
    resumed: bool = False
    epoch: int = 0
    epochs: int = 0
    reason: str = ""
    host: str = ""
    process: int = 0
    job: str = ""
    updated: str = ""


class Store:
    """The folders of one phase's runs.

    Args:
        runs: Folder that holds the phases' folders.
        phase: The phase.
    """

    def __init__(self, runs: Path, phase: Phase) -> None:
        self.phase = phase
        self.folder = runs / phase.folder_name

    def folder_of(self, run: Run) -> Path:
        """The run's own folder."""
        return self.folder / run.config / run.task / f"seed-{run.seed}"

    def record_path(self, run: Run) -> Path:
        """Where the run's record is, once it is COMPLETED."""
        return self.folder_of(run) / "record.json"

    def policy_path(self, run: Run) -> Path:
        """Where the run's policy is, once it is trained."""
        return self.folder_of(run) / "policy.safetensors"

    def world_model_path(self, run: Run) -> Path:
        """Where the run's own world model is, once it is trained; only where it trains."""
        return self.folder_of(run) / "world_model.safetensors"

    def cohort_path(self, runs: Sequence[Run]) -> Path:
        """Where the state of runs trained together is kept: the same runs in the same order find it again."""
        members = short(digest_of([run.label for run in runs]))
        return self.folder / runs[0].config / f"cohort-{members}" / "state.safetensors"

    def is_completed(self, run: Run) -> bool:
        """Whether the run has its record."""
        return self.record_path(run).exists()

    def state_of(self, run: Run) -> RunState | None:
        """The run's state; None where nobody ever asked for it.

        Raises:
            InvalidRecord: The state file is not one this version wrote.
        """
        path = self.folder_of(run) / "state.json"
        try:
            state = structure(json.loads(path.read_text(encoding="utf-8")), RunState, str(path))
        except FileNotFoundError:
            state = None
        except (ValueError, RecursionError, ManifestError) as error:
            raise InvalidRecord(f"is not a run's state ({error})", where=str(path), remedy="remove it") from error
        if self.is_completed(run) and (state is None or state.state is not State.COMPLETED):
            # Killed between the record and the state: the record, written last but one, decides.
            return evolve(state or RunState(state=State.COMPLETED), state=State.COMPLETED, reason="")
        return state

    def is_held(self, run: Run) -> bool:
        """Whether a living process holds the run.

        Raises:
            OSError: The system does not say, such as on a file system without locks.
        """
        path = self.folder_of(run) / "lock"
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            return not try_lock(descriptor, path, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)

    def write_state(self, run: Run, state: RunState) -> None:
        """Write the run's state file, stamped with this process and the time."""
        stamped = evolve(
            state,
            host=os.uname().nodename,
            process=os.getpid(),
            updated=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        text = json.dumps(plain(stamped), indent=2, sort_keys=True) + "\n"
        write_atomically(self.folder_of(run) / "state.json", text)

    def queue(self, run: Run, job: str = "", reason: str = "") -> bool:
        """Mark a run as waiting, unless it is completed or held.

        Args:
            run: The run.
            job: Job that will run it.
            reason: Why it waits.

        Returns:
            Whether it was marked.
        """
        if self.is_completed(run) or self.is_held(run):
            return False
        earlier = self.state_of(run)
        attempt = earlier.attempt if earlier else 0
        self.write_state(run, RunState(state=State.QUEUED, attempt=attempt, job=job, reason=reason))
        return True

    def requeue(self, run: Run, reason: str) -> None:
        """Mark a run this process holds as waiting again, unless it is completed.

        Args:
            run: The run.
            reason: Why it waits.
        """
        if not self.is_completed(run):
            earlier = self.state_of(run) or RunState(state=State.QUEUED)
            self.write_state(run, evolve(earlier, state=State.QUEUED, reason=reason))

    def fail(self, run: Run, reason: str) -> None:
        """Mark a run as FAILED, unless it is completed."""
        if not self.is_completed(run):
            earlier = self.state_of(run) or RunState(state=State.FAILED)
            self.write_state(run, evolve(earlier, state=State.FAILED, reason=reason))

    @contextmanager
    def claim(self, runs: Sequence[Run]) -> Iterator[tuple[Run, ...]]:
        """Hold runs for the length of the block, so that no other process runs them.

        Args:
            runs: The runs wanted.

        Yields:
            Those that are now held: neither completed nor held by another process.
        """
        with ExitStack() as held:
            claimed = []
            for run in runs:
                self.folder_of(run).mkdir(parents=True, exist_ok=True)
                stream = held.enter_context((self.folder_of(run) / "lock").open("a"))
                # Looked at only under the lock: whoever held it may have completed the run meanwhile.
                if _claim_lock(stream.fileno(), Path(stream.name)) and not self.is_completed(run):
                    claimed.append(run)
            yield tuple(claimed)

    def write_record(self, record: Record) -> None:
        """Write a run's record, which completes it, and then its state."""
        state = self.state_of(record.run) or RunState(state=State.RUNNING)
        write_atomically(self.record_path(record.run), format_record(record))
        self.write_state(
            record.run, evolve(state, state=State.COMPLETED, epoch=record.epochs, epochs=record.epochs, reason="")
        )

    def record(self, run: Run) -> Record | None:
        """The run's record; None where it is not completed.

        Raises:
            InvalidRecord: The record was changed, or is another run's.
        """
        path = self.record_path(run)
        if not path.exists():
            return None
        record = read_record(path)
        found = (record.run, record.manifest_digest)
        if found != (run, self.phase.digest):
            raise InvalidRecord(
                f"is the record of {record.run.label} of manifest {short(record.manifest_digest)}",
                where=str(path),
                remedy="put it back where it came from",
            )
        return record

    def records(self, extended: bool = False) -> tuple[Record, ...]:
        """The records of all completed runs, in the phase's order."""
        with _without_collection():
            found = [self.record(run) for run in self.phase.runs(extended)]
        return tuple(record for record in found if record is not None)

    def lock(self) -> Lock | None:
        """What the phase resolved to when its first run began; None before."""
        return read_lock(self.folder / "lock.json")

    def pin(self, now: Lock) -> None:
        """Write down what the phase resolved to, or add inputs nobody knew yet; what is known is never changed.

        Args:
            now: What it resolves to in this process.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / ".lock.json.held"
        with path.open("a") as stream:
            with naming(path):
                fcntl.flock(stream.fileno(), fcntl.LOCK_EX)
            earlier = self.lock()
            pinned = evolve(earlier, inputs={**now.inputs, **earlier.inputs}) if earlier else now
            if pinned != earlier:
                write_atomically(self.folder / "lock.json", format_lock(pinned))

    def summary(self, extended: bool = False) -> list[dict[str, Any]]:
        """State of every run as plain values, in the phase's order; a run nobody asked for has an empty state.

        Whether a run is held is None where the system does not say.
        """
        rows = []
        for run in self.phase.runs(extended):
            state = self.state_of(run)
            row = plain(state) if state else {"state": ""}
            held = self.may_be_held(run)
            rows.append({**row, "config": run.config, "task": run.task, "seed": run.seed, "held": held})
        return rows

    def may_be_held(self, run: Run) -> bool | None:
        """Whether a living process holds the run; None where the system does not say."""
        try:
            return self.is_held(run)
        except OSError:  # a colleague's files, or no locks here: nobody can tell
            return None


@contextmanager
def _without_collection() -> Iterator[None]:
    """Let the collector rest while much is read that stays: it would go through all of it again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def try_lock(descriptor: int, path: Path, kind: int = fcntl.LOCK_EX) -> bool:
    """Take a lock on an open file if nobody else has one that excludes it.

    Args:
        descriptor: The open file; the lock is given back when it is closed, however that comes about.
        path: Its path, for what is raised.
        kind: ``LOCK_EX``, or ``LOCK_SH`` to ask whether anybody has the other.

    Raises:
        OSError: There are no locks here.
    """
    try:
        with naming(path):
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _claim_lock(descriptor: int, path: Path) -> bool:
    # Somebody asking `is_held` has the lock for an instant; that must not look like a process that runs the run.
    for _ in range(_TRIES):
        if try_lock(descriptor, path):
            return True
        time.sleep(_PAUSE_SECONDS)
    return False
