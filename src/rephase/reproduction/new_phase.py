"""A phase from nothing: a manifest and its config for one's own parts, tasks and inputs. Imports no torch.

Both are read and their parts found before either is written, so that what is there can be run.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import tomlkit
from attrs import field, frozen
from packaging.version import Version

from rephase.environments import SUITE, discover_tasks
from rephase.errors import Problem, UsageError
from rephase.manifest import read_phase
from rephase.manifest.files import displayed, overridden
from rephase.manifest.hashing import file_digest, plain
from rephase.manifest.schema import SCHEMA_VERSION
from rephase.plugins import Kind
from rephase.plugins.registry import Offered, Registry, discover
from rephase.plugins.sources import Source
from rephase.reproduction.composing import compose
from rephase.reproduction.phases import with_known_tasks

__all__ = ["NewPhase", "write_phase"]

_GIVEN = ("world-model", "start-states")
_HEAD = "A phase of one's own. docs/reference/manifest.md lists every key there is."


@frozen(kw_only=True)
class NewPhase:
    """What a new phase is made of.

    Args:
        world_model: Name of the world model's part.
        policy: Name of the policy's part.
        integrators: Name of an integrator by ``world_model`` or ``policy``, for parts that take one.
        tasks: Its tasks.
        seeds: Its seeds.
        inputs: Files by name: ``world-model`` and ``start-states`` for a frozen model; files of any other name hold
            episodes, on which each run trains a world model of its own.
        changes: Values by dotted path into the config, such as ``policy.settings.units``.
    """

    world_model: str
    policy: str
    integrators: Mapping[str, str] = field(factory=dict)
    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    inputs: Mapping[str, Path]
    changes: Mapping[str, Any] = field(factory=dict)


def write_phase(name: str, wanted: NewPhase, project: Path) -> tuple[Path, Path]:
    """Write ``reproductions/NAME/embedded.toml`` and ``config.toml`` beside it.

    Args:
        name: Name of the phase.
        wanted: What it is made of.
        project: Folder that holds, or will hold, ``reproductions``.

    Returns:
        The manifest and the config.

    Raises:
        UsageError: There is such a phase already, or an input is missing.
        UnknownName: Nobody offers a part.
        ManifestError: What would be written says something it may not. Nothing is left in any of these cases.
    """
    folder = project / "reproductions" / name
    if folder.exists():
        raise UsageError("is there already", where=displayed(folder), remedy="choose another name")
    registry = discover()
    parts = _parts(wanted, registry)
    config = _config(name, wanted, parts)
    manifest = _manifest(name, wanted, parts, folder)
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True)
    files = folder / "embedded.toml", folder / "config.toml"
    try:
        files[1].write_text(tomlkit.dumps(config), encoding="utf-8")
        phase = with_known_tasks(read_phase(files[0], tomllib.loads(tomlkit.dumps(manifest))))
        compose(phase, registry)
        files[0].write_text(tomlkit.dumps(manifest), encoding="utf-8")
    except BaseException:
        for file in files:
            file.unlink(missing_ok=True)
        for one in made:
            one.rmdir()
        raise
    return files


def _parts(wanted: NewPhase, registry: Registry) -> dict[str, Offered]:
    parts = {
        "world_model": registry.find(Kind.WORLD_MODEL, wanted.world_model, "--world-model"),
        "policy": registry.find(Kind.POLICY, wanted.policy, "--policy"),
    }
    for at, integrator in wanted.integrators.items():
        option = f"--{at.replace('_', '-')}-integrator"
        parts[f"{at}.integrator"] = registry.find(Kind.INTEGRATOR, integrator, option)
    return parts


def _owners(tasks: Sequence[str]) -> set[Source]:
    """The plugins that offer tasks which are not the log's; an unknown task is refused when the manifest is read."""
    foreign = set(tasks) - {task.name for task in SUITE}
    return {one.source for one in discover_tasks().offered if one.offer.name in foreign} if foreign else set()


def _config(name: str, wanted: NewPhase, parts: Mapping[str, Offered]) -> tomlkit.TOMLDocument:
    """The config, every setting that has a default written out with it."""
    whole: dict[str, Any] = {"schema": SCHEMA_VERSION, "name": name, "title": name}
    for at, offered in parts.items():
        chosen: dict[str, Any] = {"part": offered.offer.name}
        if settings := _defaults(offered.offer.config):
            chosen["settings"] = settings
        home, _, below = at.partition(".")
        (whole[home] if below else whole)[below or home] = chosen
    problems: list[Problem] = []
    for path, value in wanted.changes.items():
        whole = overridden(whole, path, value, "--set", problems)
    if problems:
        raise UsageError(str(problems[0]).removeprefix("--set: "), where="--set")
    document = tomlkit.document()
    document.update(whole)
    return document


def _defaults(config: type) -> dict[str, Any]:
    found = {}
    for one in attrs.fields(config):
        value = one.default.factory() if isinstance(one.default, attrs.Factory) else one.default  # type: ignore[arg-type]
        if value is not attrs.NOTHING and value is not None:
            found[one.alias or one.name] = plain(value)
    return found


def _manifest(name: str, wanted: NewPhase, parts: Mapping[str, Offered], folder: Path) -> tomlkit.TOMLDocument:
    episodes = [one for one in wanted.inputs if one not in _GIVEN]
    use: dict[str, Any] = {"file": "config.toml"}
    for role, input_name in (("world_model", "world-model"), ("start_states", "start-states")):
        use[role] = input_name if input_name in wanted.inputs else ""
    if episodes:
        use["transitions"] = episodes
    document = tomlkit.document()
    document.add(tomlkit.comment(_HEAD))
    document.update(
        {
            "schema": SCHEMA_VERSION,
            "phase": name,
            "scale": "embedded",
            "title": f"{wanted.policy} in the world model {wanted.world_model}",
            "question": "What does the policy return in the real task?",
            "not_this": "not a phase of the log: one's own parts, tasks and inputs",
            "tasks": list(wanted.tasks),
            "seeds": list(wanted.seeds),
            "recorded": "embedded.recorded.json",
            "plugins": {
                source.distribution: f">={Version(source.version).public}"
                for source in sorted({one.source for one in parts.values()} | _owners(wanted.tasks))
            },
            "inputs": {key: _input(key, path, folder) for key, path in wanted.inputs.items()},
            "configs": {"main": use},
            "algorithm": {"epochs": 300, "horizon": 5, "batch_size": 64, "finetune_world_model": bool(episodes)},
            "evaluation": {"episodes": 10, "every": 100},
        }
    )
    return document


def _input(name: str, path: Path, folder: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UsageError("no such file", where=f"--input {name}={path}", remedy="check the path")
    return {"path": Path(os.path.relpath(path, folder)).as_posix(), "sha256": file_digest(path)}
