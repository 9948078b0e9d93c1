"""``rephase submit PHASE``: one job array for each config and a job that checks the phase afterwards."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rephase.cli.options import add_phase, phase_of, project_of, store_of
from rephase.cli.rendering import emit

if TYPE_CHECKING:
    from rephase.reproduction.submissions import Submission
    from rephase.reproduction.submitting import Plan

__all__ = ["configure", "run"]

_RESOURCES = (
    ("partition", str, "partition to submit to"),
    ("gpu", str, "GPU type, case sensitive; '' for none"),
    ("gpus", int, "number of GPUs"),
    ("cpus", int, "CPU cores"),
    ("memory", str, "memory such as 450GB"),
    ("time", str, "longest time such as 16h"),
    ("account", str, "account to charge; '' for your own"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_phase(parser)
    parser.add_argument(
        "--image", type=Path, default=Path("rephase.sif"), help="container image (default: %(default)s)"
    )
    for name, kind, text in _RESOURCES:
        parser.add_argument(f"--{name}", type=kind, help=f"{text} (default: the manifest's)")
    parser.add_argument("--check-partition", default="", help="partition of the check (default: the runs')")
    parser.add_argument("--throttle", type=int, help="how many tasks of an array may run at once (default: all)")
    parser.add_argument("--extend", action="store_true", help="also the seeds declared for an inconclusive phase")
    parser.add_argument("--run-options", default="", help="more arguments for rephase run, such as '--threads 2'")
    parser.add_argument("--dry-run", action="store_true", help="show the scripts and submit nothing")


def run(arguments: argparse.Namespace) -> int:
    """Submit the phase.

    Returns:
        0 when everything left to run is in the queue.
    """
    from rephase.manifest.hashing import file_digest
    from rephase.reproduction.submitting import Order, plan, submit
    from rephase.runtime.apptainer import require_image
    from rephase.runtime.queue import Queue

    phase = phase_of(arguments)
    store = store_of(arguments, phase)
    store = type(store)(store.folder.parent.resolve(), phase)
    image = arguments.image.resolve()
    require_image(image)
    order = Order(
        image=image,
        digest=file_digest(image),
        project=None if arguments.phase.endswith(".toml") else project_of(arguments).resolve(),
        runs=store.folder.parent,
        overrides={name: getattr(arguments, name) for name, _, _ in _RESOURCES},
        check_partition=arguments.check_partition,
        throttle=arguments.throttle,
        extended=arguments.extend,
        run_options=tuple(shlex.split(arguments.run_options)),
    )
    if arguments.dry_run:
        ready = plan(store, order, {})
        emit(arguments, _data(ready, None), _dry_text(ready))
        return 0
    ready, submission = submit(store, order, Queue())
    emit(arguments, _data(ready, submission), _text(ready, submission))
    return 0


def _data(ready: Plan, submission: Submission | None) -> dict[str, Any]:
    return {
        "phase": ready.store.phase.manifest.phase,
        "scale": str(ready.store.phase.manifest.scale),
        "image": ready.order.digest,
        "arrays": dict(submission.arrays) if submission else {},
        "jobs": dict(submission.jobs) if submission else {},
        "check": submission.check if submission else "",
        "scripts": ready.scripts,
        "skipped": {one.run.label: one.reason for one in ready.skipped},
    }


def _dry_text(ready: Plan) -> str:
    if not ready.arrays:
        return "\n".join([*_skipped(ready), "nothing is left to run"])
    scripts = [f"# ==== {name}\n{text}" for name, text in ready.scripts.items()]
    return "\n".join([*scripts, *_skipped(ready), "nothing was submitted (--dry-run)"])


def _text(ready: Plan, submission: Submission | None) -> str:
    lines = _skipped(ready)
    if submission is None:
        return "\n".join([*lines, "nothing is left to submit"])
    for name, job in submission.arrays.items():
        count = len(ready.runs[name])
        lines.append(f"{name}: {count} {'run' if count == 1 else 'runs'} as job {job}")
    lines.append(f"check: job {submission.check}, after all of them have ended; it prints to")
    lines.append(f"  {ready.check.log_folder}/{ready.check.name}-{submission.check}.log")
    return "\n".join(lines)


def _skipped(ready: Plan) -> list[str]:
    return [f"not submitted: {one.run.label} ({one.reason})" for one in ready.skipped]
