"""A derived phase: a manifest that differs from another one in what was asked for and in nothing else.

The document is edited, not written anew, so that its comments and order stay. What comes of it is read, and its parts
are found, before a file is written. Imports no torch.
"""

from __future__ import annotations

import filecmp
import shutil
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomlkit
from packaging.requirements import InvalidRequirement, Requirement
from tomlkit.exceptions import TOMLKitError

from rephase.errors import UnknownName, UsageError
from rephase.manifest import Phase, read_phase
from rephase.manifest.files import displayed
from rephase.plugins import Kind
from rephase.plugins.registry import discover
from rephase.plugins.sources import normalised
from rephase.reproduction.changes import Derivation, change_config, change_manifest, in_words
from rephase.reproduction.composing import compose
from rephase.reproduction.documents import bring_along, keep_configs, relocate
from rephase.reproduction.phases import open_phase, with_known_tasks

__all__ = ["derive", "parse_change"]


def parse_change(text: str) -> tuple[str, Any]:
    """Read ``dotted.path=value``; a value that is not TOML is text.

    Raises:
        UsageError: There is no ``=`` or no path.
    """
    path, equals, value = text.partition("=")
    if not (equals and path.strip()):
        raise UsageError(f"{text!r} is no change", where="--set", remedy="write a.dotted.path=value")
    try:
        return path.strip(), tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):  # also where a number has more digits than Python takes
        return path.strip(), value.strip()


def derive(source: str, name: str, scale: str, wanted: Derivation, project: Path) -> Path:
    """Write ``reproductions/NAME/SCALE.toml``: another phase, with changes.

    Args:
        source: Phase to start from.
        name: Name of the new phase.
        scale: Scale of both.
        wanted: What is to differ.
        project: Folder that holds ``reproductions``.

    Returns:
        The new manifest.

    Raises:
        UsageError: There is such a phase already, or a change cannot be meant.
        ManifestError: The result would be no manifest, or names parts that nobody offers.
        PluginError: A plugin it would name is missing or broken. Nothing is written in any of these cases.
    """
    origin = open_phase(source, scale, project)
    target = project / "reproductions" / name / f"{scale}.toml"
    if target.exists():
        raise UsageError("is there already", where=displayed(target), remedy="choose another name")
    for config in wanted.configs:
        if config not in origin.configs:
            raise UnknownName("config", config, list(origin.configs), listing=f"rephase show {source}")
    text, files = _text(origin, name, target, wanted, is_own=origin.file.resolve().is_relative_to(project.resolve()))
    made = not target.parent.exists()
    target.parent.mkdir(parents=True, exist_ok=True)  # paths in a manifest are read from its folder
    brought: list[Path] = []
    try:
        for called, path in files.items():
            copy = target.parent / called
            if copy.exists() and not filecmp.cmp(path, copy, shallow=False):
                raise UsageError(
                    f"is there already, and is not {path}", where=displayed(copy), remedy="choose another name"
                )
            if path.is_file() and not copy.exists():
                copy.parent.mkdir(exist_ok=True)
                brought.append(copy)
                shutil.copyfile(path, copy)
        _require(target, text)
        partial = target.with_name(f".{target.name}.partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(target)
        brought.clear()
    finally:
        for copy in brought:
            copy.unlink(missing_ok=True)
            if not any(copy.parent.iterdir()):
                copy.parent.rmdir()
        if made and not any(target.parent.iterdir()):
            target.parent.rmdir()
    return target


def _text(origin: Phase, name: str, target: Path, wanted: Derivation, *, is_own: bool) -> tuple[str, dict[str, Path]]:
    """The manifest, and the files that have to be copied below it: those of a phase that is not of this project."""
    document = tomlkit.parse(origin.file.read_text(encoding="utf-8"))
    kept = wanted.configs or tuple(origin.configs)
    try:
        keep_configs(document, kept)
        for config in kept:
            change_config(document, origin, config, wanted)
        change_manifest(document, kept, wanted)
        _pin(document, wanted.plugins)
        _narrow(document, wanted)
    except TOMLKitError as error:
        raise UsageError(f"cannot be changed so: {error}", where=displayed(origin.file)) from error
    files: dict[str, Path] = {}
    if is_own:
        relocate(document, origin.file, target)
    else:
        files = bring_along(document, origin.file)
    words = in_words(wanted, len(kept) < len(origin.configs))
    document["phase"] = name
    document["title"] = f"{origin.manifest.phase} with {words}"
    document["question"] = f"What becomes of {origin.manifest.phase} with {words}?"
    document["not_this"] = "; ".join(
        filter(None, [f"not {origin.manifest.phase} as it stands, but with {words}", origin.manifest.not_this])
    )
    head = f"# Written by: {wanted.written_by}\n" if wanted.written_by else ""
    return head + tomlkit.dumps(document), files


def _require(target: Path, text: str) -> None:
    """Read the manifest that would be written and find its parts."""
    phase = with_known_tasks(read_phase(target, tomllib.loads(text)))
    _require_pinned(phase)
    registry = discover(phase.manifest.plugins)
    registry.require(phase.manifest.plugins, displayed(target))
    compose(phase, registry)


def _require_pinned(phase: Phase) -> None:
    """Name the plugin that offers a part and is not among the phase's plugins, before its part is simply unknown."""
    pinned = set(map(normalised, phase.manifest.plugins))
    owners: dict[tuple[Kind, str], set[str]] = {}
    for one in discover().offered:
        owners.setdefault((one.offer.kind, one.offer.name), set()).add(one.source.distribution)
    for config in phase.configs.values():
        for kind, choice in ((Kind.WORLD_MODEL, config.world_model), (Kind.POLICY, config.policy)):
            parts = [(kind, choice.part)]
            parts += [(Kind.INTEGRATOR, choice.integrator.part)] if choice.integrator else []
            for part in parts:
                offering = owners.get(part, set())
                if offering and not offering & pinned:
                    [owner, *_] = sorted(offering)
                    problem = f"{part[0]} {part[1]!r} is offered by {owner}, which is not among the phase's plugins"
                    raise UsageError(problem, where="--set", remedy=f"add --plugin {owner}")


def _pin(document: tomlkit.TOMLDocument, plugins: Sequence[str]) -> None:
    table = document.setdefault("plugins", tomlkit.table())
    there = {normalised(str(key)) for key in table}
    for written in plugins:
        try:
            asked = Requirement(written)
        except InvalidRequirement as error:
            remedy = "write a distribution's name, such as rephase-rk, or rephase-rk>=0.1"
            raise UsageError(f"{written!r} is no distribution", where="--plugin", remedy=remedy) from error
        if normalised(asked.name) not in there:
            table[asked.name] = str(asked.specifier) or ">=0"


def _narrow(document: tomlkit.TOMLDocument, wanted: Derivation) -> None:
    if wanted.tasks:
        document["tasks"] = list(wanted.tasks)
    if wanted.seeds:
        document["seeds"] = list(wanted.seeds)
        for key in ("extension_seeds", "reference_seeds"):
            if key in document:
                document[key] = [seed for seed in document[key] if seed not in wanted.seeds]
