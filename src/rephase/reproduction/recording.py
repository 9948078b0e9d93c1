"""Making recorded outcomes out of completed runs, with where they come from. Writes nothing."""

from __future__ import annotations

from rephase.errors import CannotRunHere
from rephase.manifest.hashing import digest_of
from rephase.manifest.outcomes import RecordedOutcomes
from rephase.reproduction.storing import Store

__all__ = ["outcomes_of"]


def outcomes_of(store: Store, source: str) -> RecordedOutcomes:
    """The outcomes of a completed phase, to be judged against later.

    Args:
        store: The phase's folders.
        source: Who measured them.

    Returns:
        Outcomes and provenance.

    Raises:
        CannotRunHere: A run is missing.
    """
    phase = store.phase
    records = [store.record(run) for run in phase.runs()]
    if missing := [run.label for run, record in zip(phase.runs(), records, strict=True) if record is None]:
        raise CannotRunHere(
            f"{len(missing)} runs are not complete, the first: {missing[0]}",
            where=phase.name,
            remedy=f"'rephase run {phase.manifest.phase} --scale {phase.manifest.scale}' completes them",
        )
    kept = [record for record in records if record is not None]
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
            "machine": first.get("machine", {}),
            "made_from": {record.run.label: digest_of(record) for record in kept},
            "manifest_digest": phase.digest,
            "plugins": first.get("plugins", {}),
            "wall_seconds": {record.config: record.wall_seconds for record in kept},
        },
        outcomes=[record.outcome for record in kept],
    )
