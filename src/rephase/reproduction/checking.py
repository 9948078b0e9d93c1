"""Checking a phase: its records against what the manifest and lock pin, then its outcomes against the recorded ones.

Reads folders only and needs no torch. What is decided is decided by `rephase.judging`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve

from rephase.errors import ManifestError, Problem, UsageError
from rephase.judging import Breach, PhaseVerdict, check_pins, compare_outcomes, judge_phase
from rephase.manifest import Phase
from rephase.manifest.files import displayed
from rephase.manifest.hashing import digest_of, file_digest
from rephase.manifest.lock import Lock
from rephase.manifest.outcomes import RecordedOutcomes, read_outcomes
from rephase.manifest.pins import pin_of
from rephase.manifest.record import Record
from rephase.reproduction.phases import returns_of
from rephase.reproduction.software import differing_origins
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
    path = phase.record_file
    if not path.is_file():
        owner = path.resolve().parent.name if path != phase.own_record else phase.manifest.phase
        problem = Problem("recorded", f"no such file: {phase.manifest.recorded}", _makes_record(phase, owner))
        raise ManifestError(displayed(phase.file), [problem])
    return read_outcomes(path)


def own_outcomes(phase: Phase, where: str = "") -> RecordedOutcomes:
    """What was recorded of a phase itself; a derived one is judged by what another phase recorded.

    Args:
        phase: The phase.
        where: What the user called it; its name when empty.

    Raises:
        ManifestError: The record says something it may not.
        UsageError: There is none, or what is recorded is another phase's.
    """
    mine, path = phase.manifest.phase, phase.record_file
    found = read_outcomes(path) if phase.manifest.recorded and path.is_file() else None
    if found is None or found.phase != mine:
        judged = f", it is judged by what {found.phase} recorded" if found else ""
        raise UsageError(
            f"nothing is recorded of its own{judged}", where=where or mine, remedy=_makes_record(phase, mine)
        )
    return found


def _makes_record(phase: Phase, owner: str) -> str:
    """The commands that make a record of a phase of this scale: its own, or the one a derived phase is judged by."""
    scale = "" if phase.manifest.scale == "embedded" else f" --scale {phase.manifest.scale}"
    commands = f"'rephase run {owner}{scale}' makes runs, 'rephase record {owner}{scale}' records them"
    if owner == phase.manifest.phase:
        return commands
    return f"it is the record of {owner}: {commands}"


def check_phase(
    store: Store, records: Sequence[Record], recorded: RecordedOutcomes | None = None, *, rehearsal: bool = False
) -> PhaseVerdict:
    """Judge a phase by the records in its folder.

    Args:
        store: The phase's folders.
        records: The records of its completed runs, extension included.
        recorded: What it is judged against, where that was read already.
        rehearsal: Whether they are a rehearsal's: their integrity is checked and nothing is judged.

    Returns:
        The verdict.
    """
    phase = store.phase
    lock = store.lock()
    breaches = [
        breach for record in records for breach in (*_breaches(store, record, lock), *_inner_breaches(phase, record))
    ]
    recorded = recorded_outcomes(phase) if recorded is None else recorded
    outcomes = [] if rehearsal else [record.outcome for record in records]
    notes = _notes(store, records, lock)
    nothing = _own_source(recorded, records)
    if recorded.phase != phase.manifest.phase:
        notes.append(f"judged against what was recorded for {recorded.phase}, in the cells the two share")
        origin, recorded = recorded.phase, _in_shared_cells(recorded, phase)
        if not recorded.outcomes:
            nothing = f"{origin} recorded none of these cells; {_makes_record(phase, phase.manifest.phase)}"
    return judge_phase(
        recorded,
        outcomes,
        phase.manifest.verdict,
        runs=[(run.config, run.task, run.seed) for run in phase.runs()],
        extension_seeds=phase.manifest.extension_seeds,
        config_digests={name: phase.config_digest(name) for name in phase.configs},
        breaches=breaches,
        replay=compare_outcomes(recorded.judged, outcomes),
        notes=notes,
        returns=returns_of(phase),
        nothing="a rehearsal is no result" if rehearsal else nothing,
        origins=differing_origins(recorded.provenance, [record.provenance for record in records]),
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
        if not pinned and (pin := pin_of(phase, name)) is not None:
            pinned = pin.sha256
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


def _inner_breaches(phase: Phase, record: Record) -> list[Breach]:
    """Where a record contradicts itself or is shorter or longer than the manifest says."""
    epochs = phase.algorithm(record.config).epochs
    said = {
        "epochs": (record.epochs == epochs, f"trained for {record.epochs:,} epochs, the manifest says {epochs:,}"),
        "resolved": (
            digest_of(record.resolved) == record.config_digest,
            "the configuration it spells out is not the one its digest names",
        ),
        "curve": (
            not record.curve or record.curve[-1].episode_returns == record.episode_returns,
            "the last point of its learning curve is not its evaluation",
        ),
    }
    remedy = "move the run's folder away and repeat it"
    return [
        Breach(rule=rule, where=record.run.label, problem=problem, remedy=remedy, cell=record.outcome.run[:2])
        for rule, (holds, problem) in said.items()
        if not holds
    ]


def _own_source(recorded: RecordedOutcomes, records: Sequence[Record]) -> str:
    """Why there is nothing to judge: the record was made from these very runs; empty where it was not."""
    made_from = recorded.provenance.get("made_from", {})
    sources = set(made_from.values()) if isinstance(made_from, Mapping) else set()
    own = [record.run.label for record in records if sources and record.digest in sources]
    if not own:
        return ""
    named = f"{len(own)} of these {len(records)} runs, such as {own[0]}"
    return (
        f"the record was made from {named}: nothing was run again; run the phase anew, in other folders ('--runs DIR')"
    )


def _notes(store: Store, records: Sequence[Record], lock: Lock | None) -> list[str]:
    notes = []
    if records and lock is None:
        notes.append(f"{store.folder.name} has no lock.json, so plugins, image and code are compared with nothing")
    if lock is not None and any(record.provenance.get("code", {}).get("digest") != lock.code for record in records):
        notes.append("some runs were made by another state of the code than the lock names")
    if resumed := sum(record.resumed for record in records):
        notes.append(f"{resumed} of {len(records)} runs were stopped and went on from a checkpoint")
    codes = {str(record.provenance.get("code", {}).get("digest", "")) for record in records}
    if len(codes) > 1:
        notes.append(f"the runs were made by {len(codes)} different states of the code")
    notes += _software_notes(records, lock)
    machines = {record.outcome.hardware for record in records}
    if len(machines) > 1:
        notes.append(f"the runs were made on different hardware: {', '.join(sorted(machines))}")
    return notes


def _software_notes(records: Sequence[Record], lock: Lock | None) -> list[str]:
    """Libraries that are not of the version the lock names, in one line; they may move numbers and are no breach."""
    pinned = lock.software if lock is not None else {}
    other = {
        f"{name} {found} (the lock says {pinned[name]})"
        for record in records
        for name, found in record.provenance.get("software", {}).items()
        if pinned.get(name, found) != found
    }
    return [f"some runs were made with {', '.join(sorted(other))}"] if other else []
