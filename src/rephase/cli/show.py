"""``rephase show [PHASE]``: what a phase means: configs, inputs, runs and recorded outcomes. Needs no torch."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from rephase.cli.options import add_phase, phase_of, project_of, store_of
from rephase.cli.rendering import emit, table

if TYPE_CHECKING:
    from rephase.manifest import Phase

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_phase(parser, optional=True)


def run(arguments: argparse.Namespace) -> int:
    """Show one phase, or list all.

    Returns:
        0.
    """
    if not arguments.phase:
        return _list(arguments)
    from rephase.judging.tables import OUTCOME_COLUMNS, outcome_rows, titles
    from rephase.reproduction.checking import recorded_outcomes

    phase = phase_of(arguments)
    path = phase.record_file
    recorded = recorded_outcomes(phase) if phase.manifest.recorded and path.is_file() else None
    own = recorded is not None and recorded.phase == phase.manifest.phase
    shared = [row for row in recorded.judged if own or row.config in phase.configs] if recorded else []
    outcomes = outcome_rows(shared, titles(phase) if own else {})
    data = _data(phase, with_runs=arguments.json) | {
        "folder": str(store_of(arguments, phase).folder),
        "recorded": [dict(zip(OUTCOME_COLUMNS, row, strict=True)) for row in outcomes],
        "recorded_of": recorded.phase if recorded else "",
        "recorded_source": recorded.source if recorded else "",
    }
    whose = "recorded outcomes" if own or recorded is None else f"judged by what {recorded.phase} recorded"
    source = f"{whose} ({recorded.source}):" if recorded else "no recorded outcomes yet"
    blocks = [_about(phase, data), _inputs(phase), _runs(phase), source]
    if outcomes:
        blocks[-1] += "\n" + table(OUTCOME_COLUMNS, outcomes, numbers=(2, 3, 4))
    emit(arguments, data, "\n\n".join(blocks))
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from rephase.reproduction.phases import known_phases

    phases = known_phases(project_of(arguments))
    rows = [[name, ", ".join(scales)] for name, scales in phases.items()]
    emit(arguments, {name: sorted(scales) for name, scales in phases.items()}, table(["Phase", "Scales"], rows))
    return 0


def _data(phase: Phase, with_runs: bool) -> dict[str, Any]:
    from rephase.manifest.hashing import plain

    data: dict[str, Any] = plain(phase.manifest)
    runs = [
        {"index": at, "config": run.config, "task": run.task, "seed": run.seed}
        for at, run in enumerate(phase.runs() if with_runs else ())
    ]
    return data | {
        "arithmetic": str(phase.arithmetic),
        "manifest_digest": phase.digest,
        "pins": _pins(phase),
        "config_digests": {name: phase.config_digest(name) for name in phase.configs},
        "resolved": {name: phase.resolved(name) for name in phase.configs},
        "runs": runs,
    }


def _about(phase: Phase, data: dict[str, Any]) -> str:
    from rephase.manifest.shipped import about

    manifest, algorithm = phase.manifest, phase.manifest.algorithm
    lines = [
        f"{manifest.phase} at the {manifest.scale} scale: {manifest.title}",
        f"question   {manifest.question or '-'}",
        f"this is    {about(phase)}",
        f"manifest   {phase.digest}",
        f"folder     {data['folder']}",
        f"arithmetic {phase.arithmetic}",
        f"training   {algorithm.epochs:,} epochs, horizon {algorithm.horizon}, batch {algorithm.batch_size}",
        f"evaluation {manifest.evaluation.episodes} episodes, every {manifest.evaluation.every or 'no'} epochs, "
        f"plan reward by {manifest.evaluation.plan}",
        "plugins    " + ", ".join(f"{name} {pin}" for name, pin in sorted(manifest.plugins.items())),
    ]
    for name, config in phase.configs.items():
        integrator = config.policy.integrator
        by = f" by {integrator.part}" if integrator else ""
        lines.append(
            f"config     {name}: {config.name}, world model {config.world_model.part}, policy {config.policy.part}{by}"
        )
    return "\n".join(lines)


def _inputs(phase: Phase) -> str:
    rows = []
    for name, one in sorted(_pins(phase).items()):
        path = phase.path_of(name)
        pin = one["sha256"] or f"pending: {phase.input(name).pending_because}"
        size = f"{one['size']:,}" if one["size"] else "-"
        rows.append([name, "yes" if path.exists() else "no", phase.input(name).path, size, pin, one["origin"] or "-"])
    return table(["Input", "Here", "Path", "Bytes", "Digest", "Pinned from"], rows, numbers=(3,))


def _pins(phase: Phase) -> dict[str, dict[str, Any]]:
    """What each input must be and who says so: the manifest, or a lock that fetching or making wrote."""
    from rephase.manifest.pins import Pin, pin_of

    found = {name: pin_of(phase, name) or Pin(sha256="") for name in phase.manifest.inputs}
    return {name: {"sha256": pin.sha256, "size": pin.size, "origin": pin.origin} for name, pin in found.items()}


def _runs(phase: Phase) -> str:
    rows = []
    for array in phase.arrays:
        runs = phase.array_runs(array)
        order = " x ".join(phase.arrays[array].order)
        rows.append([array, f"0-{len(runs) - 1}", order, f"{runs[0].label} ... {runs[-1].label}"])
    return table(["Array", "Index", "Order", "Runs"], rows)
