"""``rephase run PHASE``: trains and evaluates what is not done yet. Ctrl-C is safe; the same command goes on."""

from __future__ import annotations

import argparse
import os
import time
from typing import TYPE_CHECKING, Any

from rephase.cli.options import (
    add_expectation,
    add_phase,
    at_least,
    computes_as_asked,
    device,
    phase_of,
    project_of,
    seconds,
    store_of,
)
from rephase.cli.rendering import emit, tell
from rephase.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rephase.manifest import Phase, Run
    from rephase.reproduction.running import RunSummary
    from rephase.reproduction.training import Progress

__all__ = ["configure", "run"]

_SECONDS_BETWEEN_LINES = 5.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_phase(parser)
    add_expectation(parser)
    parser.add_argument(
        "--expect-run", default="", metavar="LABEL", help="start nothing unless --index still stands for this run"
    )
    parser.add_argument("--index", type=at_least(0), help="only this run of the job array, as the log counted them")
    parser.add_argument("--config", default="", help="only runs of this config")
    parser.add_argument("--task", default="", help="only runs of this task")
    parser.add_argument("--seed", type=int, help="only runs of this seed")
    parser.add_argument("--extend", action="store_true", help="also the seeds declared for an inconclusive phase")
    parser.add_argument(
        "--reference", action="store_true", help="all seeds of the reference execution, for 'rephase record'"
    )
    parser.add_argument("--device", type=device, help="cpu or cuda (default: cuda at the logged scale, cpu otherwise)")
    parser.add_argument(
        "--threads",
        type=at_least(1),
        default=0,
        help="threads of one process (default: 1 on a CPU at the embedded scale)",
    )
    parser.add_argument(
        "--jobs",
        type=at_least(1),
        default=0,
        help="groups trained side by side (default: one a core at the embedded scale)",
    )
    parser.add_argument(
        "--track",
        action="append",
        default=[],
        metavar="NAME",
        help="a tracker to tell metrics to, such as tensorboard; may be given again (rephase plugins lists them)",
    )
    parser.add_argument(
        "--checkpoint-seconds", type=seconds, default=30.0, help="time between checkpoints (default: 30)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the phase.

    Returns:
        0 when every run asked for is complete, 3 when one failed or is held by another process.
    """
    from rephase.manifest.shipped import about
    from rephase.reproduction.grouping import groups_of
    from rephase.reproduction.parallel import run_side_by_side
    from rephase.reproduction.running import prepare, run_all
    from rephase.reproduction.tracking import Tracking
    from rephase.runtime.arithmetic import remarks, used

    phase = phase_of(arguments)
    runs = _chosen(arguments, phase)
    store = store_of(arguments, phase)
    scale = phase.manifest.scale
    device = arguments.device or ("cuda" if scale == "logged" else "cpu")
    as_asked = computes_as_asked(arguments, phase, device)
    tell(f"{phase.manifest.phase} at the {scale} scale: {about(phase)}")
    tell(f"{len(runs)} {'run' if len(runs) == 1 else 'runs'} in {store.folder}")
    # One thread a process: small matrices gain little from more, and the numbers then depend on nothing but the seed.
    is_small = scale == "embedded" and device == "cpu"
    threads = arguments.threads or (1 if is_small else 0)
    jobs = arguments.jobs or (os.cpu_count() or 1 if is_small else 1)
    left = groups_of(phase, [run for run in runs if not store.is_completed(run)], device)
    is_beside = min(jobs, len(left)) > 1 or bool(left and not as_asked)
    prepared = prepare(
        store,
        phase.file.parent if arguments.phase.endswith(".toml") else project_of(arguments),
        runs,
        device=device,
        threads=0 if is_beside else threads,  # which imports torch, and this process may have no use for it
        checkpoint_seconds=arguments.checkpoint_seconds,
    )
    tell(f"{len(prepared.inputs)} inputs verified: " + ", ".join(sorted(prepared.inputs)))
    if left and as_asked:
        for remark in remarks(used(phase.arithmetic, device), arguments.threads):
            tell(remark)
    with Tracking(arguments.track, store.folder / "tracked", tell) as tracking:
        report = _both(_Meter(phase).show, tracking.show)
        if is_beside:
            ran = run_side_by_side(prepared, runs, report, tell, jobs, threads)
        else:
            ran = run_all(prepared, runs, report, tell)
    emit(arguments, _data(phase, ran), _text(ran))
    return 3 if ran.failed or ran.elsewhere else 0


def _chosen(arguments: argparse.Namespace, phase: Phase) -> tuple[Run, ...]:
    from rephase.reproduction.phases import require_run

    if arguments.index is None:
        if arguments.expect_run:
            raise UsageError("--expect-run says what an index is", remedy="give --index too")
        return phase.select(arguments.config, arguments.task, arguments.seed, arguments.extend, arguments.reference)
    if arguments.task or arguments.seed is not None:
        raise UsageError("--index already says which task and seed", remedy="leave out --task and --seed")
    run = phase.run_at(arguments.index, arguments.config, arguments.extend)
    if arguments.expect_run:
        require_run(phase, arguments.index, run, arguments.expect_run)
    return (run,)


def _both(first: Callable[[Progress], None], second: Callable[[Progress], None]) -> Callable[[Progress], None]:
    def report(progress: Progress) -> None:
        first(progress)
        second(progress)

    return report


class _Meter:
    """Prints progress of each config now and then, and at once when there is a note or a new return."""

    def __init__(self, phase: Phase) -> None:
        self._tasks = phase.manifest.tasks
        self._last: dict[tuple[str, Run | None], tuple[float, Any]] = {}

    def show(self, progress: Progress) -> None:
        """Print one line, unless the last one is recent and nothing but the epoch changed."""
        now = time.monotonic()
        news = (progress.note, dict(progress.returns))
        # Groups of one config take turns; each is known by its first run once it has a return.
        group = (progress.config, next(iter(progress.returns), None))
        before, known = self._last.get(group, (0.0, None))
        if now - before < _SECONDS_BETWEEN_LINES and news == known:
            return
        self._last[group] = (now, news)
        words = [f"{progress.config}: epoch {progress.epoch}/{progress.epochs}"]
        if progress.note:
            words.append(progress.note)
        elif progress.seconds_left is not None:
            words.append(f"{_clock(progress.seconds_left)} left")
        cells = []
        for task in self._tasks:
            values = [f"{value:.0f}" for run, value in progress.returns.items() if run.task == task]
            if values:
                cells.append(f"{task} {' '.join(values)}")
        if cells:
            words.append("return " + " | ".join(cells))
        tell(", ".join(words))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"


def _data(phase: Phase, ran: RunSummary) -> dict[str, Any]:
    return {
        "phase": phase.manifest.phase,
        "scale": str(phase.manifest.scale),
        "manifest_digest": phase.digest,
        "completed": [run.label for run in ran.completed],
        "skipped": [run.label for run in ran.skipped],
        "elsewhere": [run.label for run in ran.elsewhere],
        "failed": {run.label: reason for run, reason in ran.failed.items()},
        "seconds": round(ran.seconds, 1),
    }


def _text(ran: RunSummary) -> str:
    lines = [f"FAILED {run.label}: {reason}" for run, reason in ran.failed.items()]
    lines += [f"another process runs {run.label}" for run in ran.elsewhere]
    done = f"{len(ran.completed)} completed in {_clock(ran.seconds)}"
    lines.append(f"{done}, {len(ran.skipped)} were complete before, {len(ran.failed)} failed")
    return "\n".join(lines)
