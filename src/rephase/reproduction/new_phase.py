"""A phase from nothing: a manifest and its config for your own parts, tasks and inputs. Imports no torch.

Both are read and their parts found before either is written, so that what is there can be run.
"""

from __future__ import annotations

import os
import shutil
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
from rephase.manifest.algorithm import Algorithm
from rephase.manifest.files import displayed, overridden, unknown_name
from rephase.manifest.hashing import file_digest, plain
from rephase.manifest.reading import structure
from rephase.manifest.schema import SCHEMA_VERSION, Evaluation
from rephase.plugins import Kind
from rephase.plugins.registry import Offered, Registry, discover
from rephase.plugins.sources import Source
from rephase.reproduction.composing import compose
from rephase.reproduction.phases import with_known_tasks

__all__ = ["NewPhase", "config_document", "free_folder", "manifest_tables", "write_phase"]

_GIVEN = ("world-model", "start-states")
_TABLES = {"algorithm": Algorithm, "evaluation": Evaluation}
_HEAD = "A phase of your own. docs/reference/manifest.md lists every key there is."


@frozen(kw_only=True)
class NewPhase:
    """What a new phase is made of.

    Args:
        world_model: Name of the world model's part.
        policies: Names of the policies' parts, a config each: ``main`` where there is one, else named after its part.
        integrators: Name of an integrator by ``world_model`` or ``policy``, for parts that take one.
        tasks: Its tasks.
        seeds: Its seeds.
        inputs: Files by name: ``world-model`` and ``start-states`` for a frozen model; files of any other name hold
            episodes, on which each run trains a world model of its own.
        changes: Values by dotted path into every config, such as ``policy.settings.units``, or into the manifest's
            tables ``algorithm`` and ``evaluation``, such as ``algorithm.epochs``.
        copies: Whether the inputs are copied into the phase's folder; else they are named where they lie.
        algorithm: What the manifest says under ``algorithm`` where it differs from the defaults.
        evaluation: The same under ``evaluation``.
    """

    world_model: str
    policies: tuple[str, ...]
    integrators: Mapping[str, str] = field(factory=dict)
    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    inputs: Mapping[str, Path]
    changes: Mapping[str, Any] = field(factory=dict)
    copies: bool = False
    algorithm: Mapping[str, Any] = field(factory=dict)
    evaluation: Mapping[str, Any] = field(factory=dict)

    @property
    def configs(self) -> dict[str, str]:
        """Each config's policy."""
        return {("main" if len(self.policies) == 1 else policy): policy for policy in self.policies}


def write_phase(name: str, wanted: NewPhase, project: Path) -> tuple[Path, ...]:
    """Write ``reproductions/NAME/embedded.toml`` and its configs beside it.

    Args:
        name: Name of the phase.
        wanted: What it is made of.
        project: Folder that holds, or will hold, ``reproductions``.

    Returns:
        The manifest and the configs.

    Raises:
        UsageError: There is such a phase already, or an input is missing.
        UnknownName: Nobody offers a part.
        ManifestError: What would be written says something it may not. Nothing is left in any of these cases.
    """
    folder = free_folder(name, project)
    registry = discover()
    configs = {
        folder / f"{'config' if config == 'main' else config}.toml": config_document(name, wanted, policy, registry)
        for config, policy in wanted.configs.items()
    }
    manifest = _manifest(name, wanted, registry, folder)
    file = folder / "embedded.toml"
    copied = {folder / path.name: path for path in wanted.inputs.values()} if wanted.copies else {}
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True)
    try:
        for place, path in copied.items():
            shutil.copyfile(path, place)
        for place, config in configs.items():
            place.write_text(tomlkit.dumps(config), encoding="utf-8")
        phase = with_known_tasks(read_phase(file, tomllib.loads(tomlkit.dumps(manifest))))
        compose(phase, registry)
        file.write_text(tomlkit.dumps(manifest), encoding="utf-8")
    except BaseException:
        for place in (file, *configs, *copied):
            place.unlink(missing_ok=True)
        for one in made:
            one.rmdir()
        raise
    return file, *configs


def free_folder(name: str, project: Path) -> Path:
    """The folder of a phase that is not there yet.

    Raises:
        UsageError: It is there.
    """
    folder = project / "reproductions" / name
    if folder.exists():
        raise UsageError("is there already", where=displayed(folder), remedy="choose another name")
    return folder


def _parts(wanted: NewPhase, policy: str, registry: Registry) -> dict[str, Offered]:
    parts = {
        "world_model": registry.find(Kind.WORLD_MODEL, wanted.world_model, "--world-model"),
        "policy": registry.find(Kind.POLICY, policy, "--policy"),
    }
    for at, integrator in wanted.integrators.items():
        # Of several policies only some may take one; that a single one takes none is said when it is composed.
        if len(wanted.policies) > 1 and not parts[at].offer.takes_integrator:
            continue
        option = f"--{at.replace('_', '-')}-integrator"
        parts[f"{at}.integrator"] = registry.find(Kind.INTEGRATOR, integrator, option)
    return parts


def _owners(tasks: Sequence[str]) -> set[Source]:
    """The plugins that offer tasks which are not the log's; an unknown task is refused when the manifest is read."""
    foreign = set(tasks) - {task.name for task in SUITE}
    return {one.source for one in discover_tasks().offered if one.offer.name in foreign} if foreign else set()


def config_document(name: str, wanted: NewPhase, policy: str, registry: Registry) -> tomlkit.TOMLDocument:
    """The config of one policy, every setting that has a default written out with it.

    Args:
        name: Name of the phase.
        wanted: What it is made of.
        policy: Name of the policy's part.
        registry: Where parts are looked for.

    Raises:
        UnknownName: Nobody offers a part.
        UsageError: A change cannot be meant.
    """
    parts = _parts(wanted, policy, registry)
    name = name if len(wanted.policies) == 1 else f"{name}-{policy}"
    whole: dict[str, Any] = {"schema": SCHEMA_VERSION, "name": name, "title": name}
    for at, offered in parts.items():
        chosen: dict[str, Any] = {"part": offered.offer.name}
        if settings := _defaults(offered.offer.config):
            chosen["settings"] = settings
        home, _, below = at.partition(".")
        (whole[home] if below else whole)[below or home] = chosen
    document = tomlkit.document()
    document.update(_changed(whole, {at: value for at, value in wanted.changes.items() if _head(at) not in _TABLES}))
    return document


def manifest_tables(wanted: NewPhase) -> dict[str, dict[str, Any]]:
    """What the manifest says under ``algorithm`` and ``evaluation``.

    Args:
        wanted: What the phase is made of.

    Raises:
        UsageError: A change cannot be meant.
        ManifestError: A value is of another kind than its key.
    """
    trains = any(name not in _GIVEN for name in wanted.inputs)
    sizes = {"epochs": 300, "horizon": 5, "batch_size": 64, "finetune_world_model": trains, **wanted.algorithm}
    tables = {
        "algorithm": {**sizes, "variants": {**sizes.get("variants", {})}},
        "evaluation": {"episodes": 10, "every": 100, **wanted.evaluation},
    }
    found = _changed(tables, {at: value for at, value in wanted.changes.items() if _head(at) in tables})
    for name, shape in _TABLES.items():
        structure(found[name], shape, "--set", name)
    if not found["algorithm"]["variants"]:
        del found["algorithm"]["variants"]
    return found


def _head(path: str) -> str:
    return path.partition(".")[0]


def _changed(whole: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    problems: list[Problem] = []
    for path, value in changes.items():
        if _head(path) not in whole:
            problems.append(unknown_name("--set", "table", _head(path), ["world_model", "policy", *_TABLES]))
        whole = overridden(whole, path, value, "--set", problems)
    if problems:
        raise UsageError(str(problems[0]).removeprefix("--set: "), where="--set")
    return whole


def _defaults(config: type) -> dict[str, Any]:
    found = {}
    for one in attrs.fields(config):
        value = one.default.factory() if isinstance(one.default, attrs.Factory) else one.default  # type: ignore[arg-type]
        if value is not attrs.NOTHING and value is not None:
            found[one.alias or one.name] = plain(value)
    return found


def _manifest(name: str, wanted: NewPhase, registry: Registry, folder: Path) -> tomlkit.TOMLDocument:
    episodes = [one for one in wanted.inputs if one not in _GIVEN]
    offered = [one for policy in wanted.policies for one in _parts(wanted, policy, registry).values()]
    use: dict[str, Any] = {}
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
            "title": f"{' and '.join(wanted.policies)} in the world model {wanted.world_model}",
            "question": "What does the policy return in the real task?",
            "not_this": "not a phase of the log: your own parts, tasks and inputs",
            "tasks": list(wanted.tasks),
            "seeds": list(wanted.seeds),
            "recorded": "embedded.recorded.json",
            "plugins": {
                source.distribution: f">={Version(source.version).public}"
                for source in sorted({one.source for one in offered} | _owners(wanted.tasks))
            },
            "inputs": {key: _input(key, path, folder, wanted.copies) for key, path in wanted.inputs.items()},
            "configs": {
                config: {"file": f"{'config' if config == 'main' else config}.toml", **use} for config in wanted.configs
            },
            **manifest_tables(wanted),
        }
    )
    return document


def _input(name: str, path: Path, folder: Path, copied: bool) -> dict[str, Any]:
    if not path.is_file():
        raise UsageError("no such file", where=f"--input {name}={path}", remedy="check the path")
    if copied:
        return {"path": path.name, "sha256": file_digest(path)}
    return {"path": Path(os.path.relpath(path, folder)).as_posix(), "sha256": file_digest(path)}
