"""Making recorded outcomes out of completed runs, with where they come from. Writes nothing."""

from __future__ import annotations

from rephase.errors import CannotRunHere
from rephase.manifest import Phase
from rephase.manifest.outcomes import Outcome, RecordedOutcomes
from rephase.manifest.record import Record
from rephase.reproduction.storing import Store

__all__ = ["outcomes_of", "still_untrained"]


def outcomes_of(store: Store, source: str) -> RecordedOutcomes:
    """The outcomes of a completed phase, to be judged against later.

    Args:
        store: The phase's folders.
        source: Who measured them.

    Returns:
        Outcomes and provenance: of the manifest's seeds, and of every further block of seeds that was run.

    Raises:
        CannotRunHere: A run is missing.
    """
    phase = store.phase
    kept = _complete(store)
    first = kept[0].provenance
    return RecordedOutcomes(
        phase=phase.manifest.phase,
        scale=str(phase.manifest.scale),
        source=source,
        provenance={
            "about": phase.manifest.not_this,
            "code": first.get("code", {}),
            "config_digests": {name: phase.config_digest(name) for name in phase.configs},
            "inputs": {name: digest for record in kept for name, digest in record.inputs.items()},
            "arithmetic": first.get("arithmetic", {}),
            "instructions": first.get("instructions", {}),
            "machine": {name: value for name, value in first.get("machine", {}).items() if name != "host"},
            "made_from": {record.run.label: record.digest for record in kept},
            "manifest_digest": phase.digest,
            "plugins": first.get("plugins", {}),
            "software": first.get("software", {}),
            "wall_seconds": {record.config: record.wall_seconds for record in kept},
        },
        outcomes=[record.outcome for record in kept],
    )


def still_untrained(phase: Phase, recorded: RecordedOutcomes) -> tuple[Outcome, ...]:
    """The rows of untrained policies that are still the phase's: of configurations as they are now."""
    return tuple(
        row
        for row in recorded.untrained
        if row.config in phase.configs and row.config_digest == phase.config_digest(row.config)
    )


def _complete(store: Store) -> list[Record]:
    """Records of all runs of every block of seeds that was begun; the manifest's own seeds must be among them."""
    phase = store.phase
    blocks = phase.seed_blocks(reference=True)
    kept: list[Record] = []
    every = phase.runs(reference=True)
    for block in blocks:
        seeds = set(block)
        runs = [run for run in every if run.seed in seeds]
        found = [store.record(run) for run in runs]
        missing = [run.label for run, record in zip(runs, found, strict=True) if record is None]
        if missing and (block is blocks[0] or len(missing) < len(runs)):
            further = "" if block is blocks[0] else " --reference"
            raise CannotRunHere(
                f"{len(missing)} runs are not complete, the first: {missing[0]}",
                where=phase.name,
                remedy=f"'rephase run {phase.manifest.phase} --scale {phase.manifest.scale}{further}' completes them",
            )
        kept += [record for record in found if record is not None]
    return kept
