"""``rephase submit PHASE``: one job for each array of runs and a job that checks the phase afterwards."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rephase.cli.jobs import add_jobs, options_of
from rephase.cli.options import add_phase, phase_of, store_of
from rephase.cli.rendering import emit

if TYPE_CHECKING:
    from rephase.manifest import Phase
    from rephase.plugins import RunnerOffer
    from rephase.reproduction.jobs import Order, Plan
    from rephase.reproduction.sites import Site
    from rephase.reproduction.storing import Store
    from rephase.reproduction.submitting import SubmitResult

__all__ = ["configure", "run"]

_IMAGE = "rephase.sif"
_RESOURCES = (
    ("partition", str, "partition to submit to, or several with commas"),
    ("gpu", str, "GPU type, case sensitive; 'any' for whichever, '' for none"),
    ("gpus", int, "number of GPUs"),
    ("cpus", int, "CPU cores"),
    ("memory", str, "memory such as 450GB"),
    ("time", str, "longest time such as 16h"),
    ("account", str, "account to charge; '' for your own"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_phase(parser)
    parser.add_argument("--site", default="", help="profile of your file of sites (default: the file's default)")
    parser.add_argument("--runner", default="", help="engine that jobs are handed to (default: the site's, or slurm)")
    parser.add_argument(
        "--image", default="", help=f"image file, or registry/name@sha256:... (default: the site's, or {_IMAGE})"
    )
    for name, kind, text in _RESOURCES:
        parser.add_argument(f"--{name}", type=kind, help=f"{text} (default: the site's, or the manifest's)")
    add_jobs(parser)
    parser.add_argument("--config", default="", help="only runs of this config")
    parser.add_argument("--task", default="", help="only runs of this task")
    parser.add_argument("--seed", type=int, help="only runs of this seed")
    parser.add_argument("--limit", type=int, help="submit at most so many runs; the same command goes on from there")
    parser.add_argument("--again", action="store_true", help="also runs whose job the engine says nothing about")
    parser.add_argument("--no-check", action="store_true", help="submit no check after the runs")
    parser.add_argument("--check-partition", help="partition of the check (default: the runs')")
    parser.add_argument("--throttle", type=int, help="how many tasks of an array may run at once (default: all)")
    parser.add_argument("--extend", action="store_true", help="also the seeds declared for an inconclusive phase")
    parser.add_argument("--run-options", help="more arguments for rephase run, such as '--threads 2'")
    parser.add_argument("--dry-run", action="store_true", help="show what would be submitted and submit nothing")


def run(arguments: argparse.Namespace) -> int:
    """Submit the phase.

    Returns:
        0 when everything left to run is in the engine's hands.
    """
    from rephase.plugins.runners import build_runner, discover_runners
    from rephase.reproduction.engines import engine_of
    from rephase.reproduction.jobs import plan
    from rephase.reproduction.sites import read_options, read_sites
    from rephase.reproduction.submitting import submit

    phase = phase_of(arguments)
    store = store_of(arguments, phase)
    store = type(store)(store.folder.parent.resolve(), phase)
    name, site = read_sites(arguments.site)
    offer = discover_runners().find(arguments.runner or site.runner or "slurm", "--runner")
    given = options_of(arguments, site.options)
    options = read_options(offer, given, f"options of {offer.name}")
    order = _order(arguments, store, phase, offer, name, site, given)
    runner = build_runner(offer, options)
    if arguments.dry_run:
        ready = plan(store, order, {})
        texts = ready.texts(runner) if ready.arrays else {}
        emit(arguments, _data(ready, texts, None), _dry_text(ready, texts))
        return 0
    handed = submit(store, order, runner, engine_of)
    emit(arguments, _data(handed.plan, handed.plan.texts(runner), handed), _text(handed, offer))
    return 0


def _order(
    arguments: argparse.Namespace,
    store: Store,
    phase: Phase,
    offer: RunnerOffer,
    name: str,
    site: Site,
    options: dict[str, Any],
) -> Order:
    from rephase.errors import UsageError
    from rephase.reproduction.jobs import Order

    def said(word: str, otherwise: Any) -> Any:
        value = getattr(arguments, word)
        value = getattr(site, word) if value is None else value
        return otherwise if value is None else value

    if arguments.limit is not None and arguments.limit < 1:
        raise UsageError(f"{arguments.limit} is no number of runs", where="--limit", remedy="give 1 or more")
    image, digest = _image(arguments.image or site.image or _IMAGE, offer)
    chosen = arguments.config or arguments.task or arguments.seed is not None
    return Order(
        image=image,
        digest=digest,
        project=None if arguments.phase.endswith(".toml") else phase.file.absolute().parents[2].resolve(),
        runs=store.folder.parent,
        runner=offer.name,
        options=options,
        site=name,
        overrides={word: said(word, None) for word, _, _ in _RESOURCES},
        wanted=phase.select(arguments.config, arguments.task, arguments.seed, arguments.extend) if chosen else None,
        limit=arguments.limit,
        with_check=offer.can_wait and not arguments.no_check,
        check_partition=said("check_partition", ""),
        throttle=said("throttle", None),
        extended=arguments.extend,
        again=arguments.again,
        run_options=tuple(shlex.split(said("run_options", ""))),
    )


def _image(image: str, offer: RunnerOffer) -> tuple[str, str]:
    """What the engine starts, and its digest."""
    from rephase.errors import UsageError
    from rephase.manifest.hashing import file_digest, is_digest
    from rephase.plugins import ImageKind
    from rephase.runtime.apptainer import require_image

    if offer.image is ImageKind.FILE:
        path = Path(image).expanduser().resolve()
        require_image(path)
        return str(path), file_digest(path)
    name, _, digest = image.partition("@")
    if not name or not is_digest(digest):
        raise UsageError(
            f"{image!r} does not say which image it is",
            where="--image",
            remedy="give a registry's image by its digest, such as registry.example/rephase@sha256:...",
        )
    return image, digest


def _data(ready: Plan, texts: dict[str, str], handed: SubmitResult | None) -> dict[str, Any]:
    submission = handed.submission if handed else None
    return {
        "phase": ready.store.phase.manifest.phase,
        "scale": str(ready.store.phase.manifest.scale),
        "runner": ready.order.runner,
        "site": ready.order.site,
        "image": ready.order.digest,
        "arrays": dict(submission.arrays) if submission else {},
        "jobs": dict(submission.jobs) if submission else {},
        "check": submission.check if submission else "",
        "released": list(handed.released) if handed else [],
        "notes": list(submission.notes) if submission else [],
        "scripts": texts,
        "skipped": {one.run.label: one.reason for one in ready.skipped},
    }


def _dry_text(ready: Plan, texts: dict[str, str]) -> str:
    if not ready.arrays:
        return "\n".join([*_skipped(ready), "nothing is left to run"])
    scripts = [f"# ==== {name}\n{text}" for name, text in texts.items()]
    return "\n".join([*scripts, *_skipped(ready), "nothing was submitted (--dry-run)"])


def _text(handed: SubmitResult, offer: RunnerOffer) -> str:
    ready, submission = handed.plan, handed.submission
    lines = _skipped(ready)
    lines += [f"released: job {job}, which an earlier submission had left on hold" for job in handed.released]
    if submission is None:
        return "\n".join([*lines, "nothing is left to submit"])
    for name, jobs in submission.arrays.items():
        count = len(ready.runs[name])
        lines.append(f"{name}: {count} {'run' if count == 1 else 'runs'} as job {', '.join(jobs.split())}")
    lines += [f"{offer.name} says: {note}" for note in submission.notes]
    if ready.check is not None:
        lines.append(f"check: job {submission.check}, after all of them have ended; it prints to")
        lines.append(f"  {submission.logs['check']}")
    else:
        manifest = ready.store.phase.manifest
        lines.append(f"no check follows: rephase check {manifest.phase} --scale {manifest.scale}")
    return "\n".join(lines)


def _skipped(ready: Plan) -> list[str]:
    return [f"not submitted: {one.run.label} ({one.reason})" for one in ready.skipped]
