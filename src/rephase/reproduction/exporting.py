"""Exports a phase as an RO-Crate: its files with digests, and one action for each run that says what made what.

Follows RO-Crate 1.1 and its Process Run Crate profile. Written by hand as JSON, so that exporting needs nothing that
checking does not; nothing is judged, and nothing outside the crate is changed. Imports no torch.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from rephase.errors import CannotRunHere, UsageError
from rephase.manifest.fetched import fetch_lock_path
from rephase.manifest.hashing import digest_of, file_digest, short
from rephase.manifest.pins import pin_of
from rephase.manifest.record import Record, format_record
from rephase.reproduction.storing import Store

__all__ = ["Crate", "export_phase"]

_CONTEXT = "https://w3id.org/ro/crate/1.1/context"
_CRATE = "https://w3id.org/ro/crate/1.1"
_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_LICENCE = "https://spdx.org/licenses/MIT"
_METADATA = "ro-crate-metadata.json"
_FORMATS = {".json": "application/json", ".toml": "application/toml", ".safetensors": "application/octet-stream"}

Entity = dict[str, Any]


@frozen
class Crate:
    """A crate that was written.

    Args:
        folder: Where it is.
        runs: Number of runs in it.
        files: Number of files in it, the metadata left out.
    """

    folder: Path
    runs: int
    files: int


def export_phase(store: Store, folder: Path, published: str, extended: bool = True) -> Crate:
    """Write the completed runs of a phase, and what they came from, as an RO-Crate.

    Args:
        store: The phase's runs.
        folder: Where the crate goes; must not exist or be empty.
        published: Date the crate is given, ISO 8601.
        extended: Whether the runs of the extension are in.

    Returns:
        The crate.

    Raises:
        CannotRunHere: No run is completed.
        UsageError: The folder is there and not empty.
        InvalidRecord: A record was changed after it was written.
    """
    records = store.records(extended)
    if not records:
        raise CannotRunHere(
            "no run is completed", where=str(store.folder), remedy=f"rephase run {store.phase.manifest.phase} first"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError("is there already and not empty", where=str(folder), remedy="choose another folder")
    files = _copy(store, records, folder)
    graph = _graph(store, records, files, published)
    text = json.dumps({"@context": _CONTEXT, "@graph": graph}, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / _METADATA).write_text(text + "\n", encoding="utf-8")
    return Crate(folder, len(records), len(files))


def _copy(store: Store, records: Sequence[Record], folder: Path) -> dict[str, Entity]:
    """Copy files into the crate and describe each."""
    phase = store.phase
    wanted: dict[str, tuple[Path, str]] = {"manifest.toml": (phase.file, "The manifest: what was meant to be run")}
    for name in phase.configs:
        wanted[f"configs/{name}.toml"] = (phase.file_of(name), f"Configuration {name}")
    recorded = phase.record_file
    if phase.manifest.recorded and recorded.is_file():
        wanted["recorded.json"] = (recorded, "Recorded outcomes that the phase is judged against")
    pinned = fetch_lock_path(phase.file)
    if pinned.is_file():
        wanted["inputs.lock.json"] = (pinned, "What fetching or making pinned of the inputs: digest, source, commit")
    if (store.folder / "lock.json").is_file():
        wanted["lock.json"] = (store.folder / "lock.json", "What the phase resolved to: inputs, plugins, code, image")
    for record in records:
        label = record.run.label
        wanted[f"runs/{label}/record.json"] = (store.record_path(record.run), f"Record of {label}")
        if store.policy_path(record.run).is_file():
            wanted[f"runs/{label}/policy.safetensors"] = (store.policy_path(record.run), f"Trained policy of {label}")
    # Records of earlier versions name their machine, which nobody outside needs to know.
    unnamed = {
        f"runs/{record.run.label}/record.json": _without_host(record)
        for record in records
        if "host" in record.provenance.get("machine", {})
    }
    described = {}
    for name, (source, words) in wanted.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if name in unnamed:
            target.write_text(format_record(unnamed[name]), encoding="utf-8")
        else:
            shutil.copyfile(source, target)
        described[name] = {
            "@id": name,
            "@type": "File",
            "name": words,
            "contentSize": str(target.stat().st_size),
            "encodingFormat": _FORMATS[target.suffix],
            "sha256": file_digest(target).removeprefix("sha256:"),
        }
    return described


def _without_host(record: Record) -> Record:
    machine = {name: value for name, value in record.provenance["machine"].items() if name != "host"}
    return evolve(record, provenance={**record.provenance, "machine": machine})


def _graph(store: Store, records: Sequence[Record], files: Mapping[str, Entity], published: str) -> list[Entity]:
    phase = store.phase
    made = _Described()
    actions = [_action(store, record, files, made) for record in records]
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"{phase.manifest.phase} at the {phase.manifest.scale} scale: {phase.manifest.title}",
        "description": phase.manifest.question or phase.manifest.title,
        "identifier": phase.digest,
        "datePublished": published,
        "license": {"@id": _LICENCE},
        "conformsTo": {"@id": _PROFILE},
        "hasPart": [{"@id": name} for name in sorted(files)],
        "mentions": [{"@id": action["@id"]} for action in actions],
    }
    metadata = {
        "@id": _METADATA,
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": [{"@id": _CRATE}],
    }
    licence = {"@id": _LICENCE, "@type": "CreativeWork", "name": "MIT License", "identifier": "MIT"}
    profile = {"@id": _PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
    return [metadata, root, licence, profile, *files.values(), *made.entities, *actions]


class _Described:
    """Entities that several actions share, each described once."""

    def __init__(self) -> None:
        self._by_id: dict[str, Entity] = {}

    @property
    def entities(self) -> list[Entity]:
        """Everything described so far, in order of identifiers."""
        return [self._by_id[name] for name in sorted(self._by_id)]

    def add(self, entity: Entity) -> Entity:
        """Describe something, if it is not yet, and return a reference to it."""
        self._by_id.setdefault(entity["@id"], entity)
        return {"@id": entity["@id"]}


def _action(store: Store, record: Record, files: Mapping[str, Entity], made: _Described) -> Entity:
    label = record.run.label
    results = [name for name in (f"runs/{label}/record.json", f"runs/{label}/policy.safetensors") if name in files]
    objects: list[Entity] = [{"@id": "manifest.toml"}, {"@id": f"configs/{record.config}.toml"}]
    objects += [made.add(_input(store, name, digest)) for name, digest in sorted(record.inputs.items())]
    action: Entity = {
        "@id": f"#run/{label}",
        "@type": "CreateAction",
        "name": f"Training and evaluation of {label}",
        "description": f"{record.epochs} epochs, attempt {record.attempt}{', resumed' if record.resumed else ''}; "
        f"mean return {record.reward:.2f}",
        "actionStatus": {"@id": "http://schema.org/CompletedActionStatus"},
        "instrument": made.add(_software(record, made)),
        "object": objects,
        "result": [{"@id": name} for name in results],
    }
    machine = record.provenance.get("machine", {})
    if machine:
        action["location"] = made.add(_machine(machine))
    if image := machine.get("image"):
        action["containerImage"] = made.add(
            {
                "@id": f"#image/{image}",
                "@type": "SoftwareApplication",
                "name": "Container image the run was made in",
                "sha256": image.removeprefix("sha256:"),
            }
        )
    if job := record.provenance.get("job"):
        action["identifier"] = f"SLURM job {job}"
    return action


def _software(record: Record, made: _Described) -> Entity:
    code = record.provenance.get("code", {})
    needs = [
        made.add({"@id": f"#plugin/{name}/{version}", "@type": "SoftwareApplication", "name": name, "version": version})
        for name, version in sorted(record.provenance.get("plugins", {}).items())
    ]
    torch = record.provenance.get("machine", {}).get("torch")
    if torch:
        needs.append(
            made.add({"@id": f"#torch/{torch}", "@type": "SoftwareApplication", "name": "torch", "version": torch})
        )
    return {
        "@id": f"#rephase/{code.get('digest', 'unknown')}",
        "@type": "SoftwareApplication",
        "name": "rephase",
        "version": code.get("version", "unknown"),
        "identifier": code.get("commit") or code.get("digest", "unknown"),
        "softwareRequirements": needs,
    }


def _input(store: Store, name: str, digest: str) -> Entity:
    declared = store.phase.manifest.inputs.get(name)
    words = declared.about if declared and declared.about else f"Input {name}"
    pin = pin_of(store.phase, name) if declared else None
    said: Entity = {"description": f"pinned from: {pin.origin}"} if pin and pin.sha256 == digest else {}
    if declared and declared.repo:
        kind = "datasets/" if declared.repo_type == "dataset" else ""
        at = f"{declared.repo}/resolve/{(pin or declared).revision}/{declared.filename}"
        said["url"] = f"https://huggingface.co/{kind}{at}"
    return said | {
        "@id": f"#input/{digest}",
        "@type": "CreativeWork",
        "name": words,
        "identifier": digest,
        "alternateName": name,
    }


def _machine(machine: Mapping[str, Any]) -> Entity:
    gpu = machine.get("gpu") or {}
    words = [f"{machine.get('cores', '?')} cores of {machine.get('cpu') or 'an unknown CPU'}"]
    if gpu:
        words.append(f"{gpu['name']} with {gpu['sm_count']} SMs, driver {gpu['driver']}, CUDA {gpu['cuda']}")
    text = ", ".join(words) + f", {machine.get('system', '')}"
    return {
        "@id": f"#machine/{short(digest_of(text))}",
        "@type": "Place",
        "name": words[0],
        "description": text,
    }
