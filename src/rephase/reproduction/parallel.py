"""Running the groups of a phase side by side, one process each, on the cores of one machine.

Each process does what `rephase.reproduction.running.run_all` does for the runs of one group, so that what is kept,
what is resumed and what a signal does are the same. Results do not depend on how many processes there are, because
each computes with its own fixed number of threads.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import queue
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.context import SpawnProcess
from multiprocessing.queues import Queue
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from rephase.errors import CannotRunHere, RephaseError, understood
from rephase.manifest import Run, read_phase
from rephase.reproduction.grouping import groups_of
from rephase.reproduction.running import PreparedPhase, RunSummary, prepare, run_all
from rephase.reproduction.stopping import Stopped, Stopping
from rephase.reproduction.storing import Store
from rephase.runtime.arithmetic import environment_of_workers

if TYPE_CHECKING:
    from rephase.reproduction.training import Progress

__all__ = ["run_side_by_side"]

_LISTEN_SECONDS = 0.2
_PR_SET_PDEATHSIG = 1


@frozen(kw_only=True)
class _Order:
    """What one process is to do, in values that travel."""

    manifest: Path
    runs_folder: Path
    project: Path
    runs: tuple[Run, ...]
    device: str
    threads: int
    checkpoint_seconds: float


@frozen
class _End:
    """How one process ended: what it did, or why it could not."""

    group: str
    ran: RunSummary | None = None
    error: RephaseError | None = None
    was_stopped: bool = False


def run_side_by_side(
    prepared: PreparedPhase,
    runs: Sequence[Run],
    report: Callable[[Progress], None],
    say: Callable[[str], None],
    processes: int,
    threads: int,
) -> RunSummary:
    """Run the groups of a phase in processes of their own.

    Args:
        prepared: The phase, prepared.
        runs: The runs wanted.
        report: Called with every progress of every process.
        say: Called with every other line worth saying.
        processes: How many groups at a time.
        threads: Threads of each process.

    Returns:
        What was done, all groups together.

    Raises:
        Stopped: Somebody asked to stop; every process has saved.
        RephaseError: The first error of a process; the others have ended too.
    """
    began = time.monotonic()
    store = prepared.store
    skipped = tuple(run for run in runs if store.is_completed(run))
    waiting = [
        _Order(
            manifest=store.phase.file,
            runs_folder=store.folder.parent,
            project=prepared.project,
            runs=group,
            device=prepared.device,
            threads=threads,
            checkpoint_seconds=prepared.checkpoint_seconds,
        )
        for group in groups_of(store.phase, [run for run in runs if run not in skipped], prepared.device)
    ]
    context = multiprocessing.get_context("spawn")
    messages: Queue[Any] = context.Queue()
    working: dict[str, SpawnProcess] = {}
    ends: list[_End] = []
    signalled: set[str] = set()
    with Stopping() as stopping, _none_left_behind(working):
        while working or (waiting and not stopping.is_requested and not any(end.error for end in ends)):
            while waiting and len(working) < processes and not stopping.is_requested:
                order = waiting.pop(0)
                process = context.Process(target=_work, args=(order, messages, os.getpid()))
                with environment_of_workers(store.phase.arithmetic, prepared.device):
                    process.start()
                working[_name(order.runs)] = process
            _forward(stopping, working, signalled)
            message = _next(messages)
            if isinstance(message, _End):
                working.pop(message.group).join()
                ends.append(message)
            elif isinstance(message, str):
                say(message)
            elif message is not None:
                report(message)
            ends += _died(working, messages)
        stopping.stop_if_requested()
    for end in ends:
        if end.error is not None:
            raise end.error
        if end.was_stopped:
            raise Stopped(signal.SIGTERM)
    return _together([end.ran for end in ends if end.ran is not None], skipped, time.monotonic() - began)


@contextmanager
def _none_left_behind(working: dict[str, SpawnProcess]) -> Iterator[None]:
    """Have every process save and end when this one cannot go on, such as when no more processes may be started."""
    try:
        yield
    except BaseException:
        for process in working.values():
            process.terminate()
        for process in working.values():
            process.join()
        raise


def _work(order: _Order, messages: Queue[Any], parent: int) -> None:
    """Do one order; runs in a process of its own."""
    _die_with(parent)
    group = _name(order.runs)
    try:
        prepared = prepare(
            Store(order.runs_folder, read_phase(order.manifest)),
            order.project,
            order.runs,
            device=order.device,
            threads=order.threads,
            checkpoint_seconds=order.checkpoint_seconds,
        )
        end = _End(group, run_all(prepared, order.runs, messages.put, messages.put))
    except KeyboardInterrupt:
        end = _End(group, was_stopped=True)
    except BaseException as error:  # whatever it is must reach the one that waits for this group
        end = _End(group, error=understood(error))
    messages.put(end)


def _die_with(parent: int) -> None:
    """Keep the terminal's Ctrl-C from reaching this process twice, and end when the parent is killed."""
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above took effect
        os._exit(1)


def _forward(stopping: Stopping, working: dict[str, SpawnProcess], signalled: set[str]) -> None:
    """Pass requests on, each stop once: a second one would not let a process save."""
    save = stopping.take_save_request()
    for group, process in working.items():
        if stopping.is_requested and group not in signalled and process.pid:
            signalled.add(group)
            os.kill(process.pid, signal.SIGTERM)
        elif save and process.pid:
            os.kill(process.pid, signal.SIGUSR1)


def _next(messages: Queue[Any]) -> Any:
    try:
        return messages.get(timeout=_LISTEN_SECONDS)
    except queue.Empty:
        return None


def _died(working: dict[str, SpawnProcess], messages: Queue[Any]) -> list[_End]:
    """Processes that ended without a last word, such as those the system killed for memory."""
    found = []
    for group, process in list(working.items()):
        if process.exitcode is not None and messages.empty():
            del working[group]
            error = CannotRunHere(
                f"the process of {group} ended with {process.exitcode}",
                remedy="look at its last lines, or run with --jobs 1",
            )
            found.append(_End(group, error=error))
    return found


def _name(group: Sequence[Run]) -> str:
    return f"{group[0].label} and {len(group) - 1} more" if len(group) > 1 else group[0].label


def _together(parts: Sequence[RunSummary], skipped: tuple[Run, ...], seconds: float) -> RunSummary:
    failed: dict[Run, str] = {}
    for part in parts:
        failed |= part.failed
    return RunSummary(
        completed=tuple(run for part in parts for run in part.completed),
        skipped=(*skipped, *(run for part in parts for run in part.skipped)),
        elsewhere=tuple(run for part in parts for run in part.elsewhere),
        failed=failed,
        seconds=seconds,
    )
