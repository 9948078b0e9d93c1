"""Checking a phase: its records against what the manifest and lock pin, then its outcomes against the recorded ones.

Reads folders only and needs no torch. What is decided is decided by `rephase.judging`.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from rephase.errors import ManifestError, Problem, UsageError
from rephase.judging import Breach, PhaseVerdict, check_pins, judge_phase, replay_of
from rephase.manifest import Phase
from rephase.manifest.files import displayed
from rephase.manifest.hashing import file_digest
from rephase.manifest.lock import Lock
from rephase.manifest.outcomes import RecordedOutcomes, read_outcomes
from rephase.manifest.record import Record
from rephase.reproduction.storing import Store

__all__ = ["check_phase", "own_outcomes", "recorded_outcomes"]


def recorded_outcomes(phase: Phase) -> RecordedOutcomes:
    """What a phase is judged against.

    Raises:
        ManifestError: The manifest names no such file, it is missing, or it says something it may not.
    """
    if not phase.manifest.recorded:
        problem = Problem("recorded", "missing key", "'rephase record' writes such a file from completed runs")
        raise ManifestError(displayed(phase.file), [problem])
    path = phase.file.parent / phase.manifest.recorded
    if not path.is_file():
        problem = Problem(
            "recorded", f"no such file: {phase.manifest.recorded}", "'rephase record' writes it from completed runs"
        )
        raise ManifestError(displayed(phase.file), [problem])
    return read_outcomes(path)


def own_outcomes(phase: Phase, where: str = "") -> RecordedOutcomes:
    """What was recorded of a phase itself; a derived one is judged by what another phase recorded.

    Args:
        phase: The phase.
        where: What the user called it; its name when empty.

    Raises:
        ManifestError: As `recorded_outcomes`.
        UsageError: What is recorded is another phase's.
    """
    found = recorded_outcomes(phase)
    if found.phase != phase.manifest.phase:
        raise UsageError(
            f"nothing is recorded of its own, it is judged by what {found.phase} recorded",
            where=where or phase.manifest.phase,
            remedy=f"'rephase run {phase.manifest.phase}' makes runs, 'rephase show {found.phase}' shows that record",
        )
    return found


def check_phase(store: Store, records: Sequence[Record]) -> PhaseVerdict:
    """Judge a phase by the records in its folder.

    Args:
        store: The phase's folders.
        records: The records of its completed runs, extension included.

    Returns:
        The verdict.
    """
    phase = store.phase
    lock = store.lock()
    breaches = [breach for record in records for breach in _breaches(store, record, lock)]
    recorded = recorded_outcomes(phase)
    outcomes = [record.outcome for record in records]
    notes = _notes(records)
    if recorded.phase != phase.manifest.phase:
        notes.append(f"judged against what was recorded for {recorded.phase}, in the cells the two share")
        recorded = _in_shared_cells(recorded, phase)
    return judge_phase(
        recorded,
        outcomes,
        phase.manifest.verdict,
        runs=[(run.config, run.task, run.seed) for run in phase.runs()],
        extension_seeds=phase.manifest.extension_seeds,
        config_digests={name: phase.config_digest(name) for name in phase.configs},
        breaches=breaches,
        replay=replay_of(recorded.judged, outcomes),
        notes=notes,
    )


def _in_shared_cells(recorded: RecordedOutcomes, phase: Phase) -> RecordedOutcomes:
    rows = [row for row in recorded.outcomes if row.config in phase.configs and row.task in phase.manifest.tasks]
    return evolve(recorded, phase=phase.manifest.phase, outcomes=tuple(rows))


def _breaches(store: Store, record: Record, lock: Lock | None) -> list[Breach]:
    phase, label = store.phase, record.run.label
    expected: dict[str, str] = {}
    found: dict[str, str] = {}
    for name, one in phase.inputs_of(record.config).items():
        pinned = one.sha256 if not one.pending else (lock.inputs.get(name, "") if lock else "")
        if pinned:
            expected[f"input {name}"] = pinned
        if name in record.inputs:
            found[f"input {name}"] = record.inputs[name]
    if lock is not None:
        machine = record.provenance.get("machine", {})
        expected |= {f"plugin {name}": version for name, version in lock.plugins.items()}
        found |= {f"plugin {name}": version for name, version in record.provenance.get("plugins", {}).items()}
        if lock.image:
            expected["image"] = lock.image
            found["image"] = str(machine.get("image", "")) or "none"
    breaches = list(check_pins(label, expected, found))
    trained = {"policy": (record.policy_file, record.policy_sha256)}
    if record.world_model_file:
        trained["world model"] = (record.world_model_file, record.world_model_sha256)
    for name, (file, digest) in trained.items():
        path = store.folder_of(record.run) / file
        if not path.is_file() or file_digest(path) != digest:
            problem = f"its {name} file is missing or is not the one that was evaluated"
            breaches.append(
                Breach(rule=name, where=label, problem=problem, remedy="move the run's folder away and repeat it")
            )
    return breaches


def _notes(records: Sequence[Record]) -> list[str]:
    notes = []
    if resumed := sum(record.resumed for record in records):
        notes.append(f"{resumed} of {len(records)} runs were stopped and went on from a checkpoint")
    codes = {str(record.provenance.get("code", {}).get("digest", "")) for record in records}
    if len(codes) > 1:
        notes.append(f"the runs were made by {len(codes)} different states of the code")
    machines = {record.outcome.hardware for record in records}
    if len(machines) > 1:
        notes.append(f"the runs were made on different hardware: {', '.join(sorted(machines))}")
    return notes
