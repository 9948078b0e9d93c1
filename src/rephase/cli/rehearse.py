"""``rephase rehearse PHASE``: the phase's whole path in minutes, and what all of its runs will need."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from rephase.cli.options import add_phase, phase_of, project_of, runs_of
from rephase.cli.rendering import emit, table, tell
from rephase.errors import CannotRunHere

if TYPE_CHECKING:
    from rephase.reproduction.rehearsing import Needs, Rehearsal

__all__ = ["configure", "run"]

_GPU_EPOCHS = 20
_CPU_EPOCHS = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_phase(parser, scale="logged")
    parser.add_argument("--device", default="", help="cpu or cuda (default: cuda at the logged scale, cpu otherwise)")
    parser.add_argument(
        "--epochs",
        type=int,
        default=0,
        help=f"epochs of each run (default: {_CPU_EPOCHS}, on a GPU {_GPU_EPOCHS}, which records and replays updates)",
    )
    parser.add_argument("--threads", type=int, default=0, help="threads of one operation (default: torch's choice)")


def run(arguments: argparse.Namespace) -> int:
    """Rehearse the phase.

    Returns:
        0 when the path holds; 3 when a run would not fit what its job asks for, measured on the device it asks for.
    """
    from rephase.manifest.writing import write_atomically
    from rephase.report import gather, html_page
    from rephase.reproduction.rehearsing import rehearse

    phase = phase_of(arguments)
    device = arguments.device or ("cuda" if phase.manifest.scale == "logged" else "cpu")
    epochs = arguments.epochs or (_CPU_EPOCHS if device == "cpu" else _GPU_EPOCHS)
    tell(f"REHEARSAL of {phase.name}: {epochs} epochs and one episode of each config; no result")
    done = rehearse(
        phase, runs_of(arguments), project_of(arguments), tell, epochs=epochs, device=device, threads=arguments.threads
    )
    if done.verdict is not None:
        if done.verdict.breaches:
            raise CannotRunHere(
                f"the rehearsal's records do not hold: {done.verdict.breaches[0]}", where=str(done.store.folder)
            )
        write_atomically(done.store.folder / "report.html", html_page(gather(done.store, rehearsal=True)))
    as_asked = all((device != "cpu") == bool(one.asked.gpu) for one in done.needs)
    data = {
        "device": device,
        "folder": str(done.store.folder),
        "needs": [_plain(one) for one in done.needs],
        "phase": phase.manifest.phase,
        "rehearsal": True,
        "scale": str(phase.manifest.scale),
        "seconds": round(done.seconds, 1),
    }
    emit(arguments, data, _text(done, device, as_asked))
    fits = all(one.fits_time and one.fits_memory for one in done.needs)
    return 0 if fits or not as_asked else 3


def _text(done: Rehearsal, device: str, as_asked: bool) -> str:
    rows = []
    for one in done.needs:
        gpu = f" + {one.gpu_memory / 1e9:.1f} GB GPU" if one.gpu_memory else ""
        rows.append(
            [
                one.config,
                f"{one.epoch_seconds:.3g} s",
                f"{one.episode_seconds:.3g} s",
                _clock(one.run_seconds),
                f"{_clock(one.asked.seconds)}{'' if one.fits_time else ' TOO SHORT'}",
                f"{one.memory / 1e9:.1f} GB{gpu}",
                f"{one.asked.memory}{'' if one.fits_memory else ' TOO LITTLE'}",
                f"{one.disk / 1e6:.1f} MB",
            ]
        )
    columns = ["Config", "Epoch", "Episode", "One run", "Time asked", "Memory", "Memory asked", "Disk a run"]
    count = sum(one.runs for one in done.needs)
    total = sum(one.runs * one.run_seconds for one in done.needs)
    kept = sum(one.runs * one.disk for one in done.needs)
    peak = sum(one.runs * one.disk_while_training for one in done.needs)
    lines = [
        table(columns, rows, numbers=(1, 2, 3, 5, 7)),
        f"all {count} runs: {_clock(total)} one after the other, {kept / 1e9:.2f} GB on the disk, "
        f"{peak / 1e9:.2f} GB while all train at once",
        f"inputs, training, evaluation, record, check and report went through in {_clock(done.seconds)} on {device}; "
        f"no record of it counts ({done.store.folder})",
    ]
    if not as_asked:
        asked = ", ".join(sorted({one.asked.gpu or "no GPU" for one in done.needs}))
        lines.append(f"measured on {device}, while the jobs ask for {asked}: times say nothing about those")
    return "\n".join(lines)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"


def _plain(one: Needs) -> dict[str, Any]:
    return {
        "config": one.config,
        "disk": one.disk,
        "disk_while_training": one.disk_while_training,
        "episode_seconds": round(one.episode_seconds, 4),
        "epoch_seconds": round(one.epoch_seconds, 4),
        "epochs": one.epochs,
        "episodes": one.episodes,
        "fits_memory": one.fits_memory,
        "fits_time": one.fits_time,
        "gpu_memory": one.gpu_memory,
        "memory": one.memory,
        "memory_asked_mb": one.asked.megabytes,
        "run_seconds": round(one.run_seconds),
        "runs": one.runs,
        "seconds_asked": one.asked.seconds,
    }
