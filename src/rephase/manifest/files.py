"""Reading a manifest and the config files it names, with every problem of a file reported at once.

Knows nothing of plugins, tasks or the network: `rephase.reproduction.composing` checks the names only they know.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from rephase.errors import ManifestError, Problem
from rephase.manifest.algorithm import Algorithm
from rephase.manifest.bounds import leading_elsewhere
from rephase.manifest.hashing import plain
from rephase.manifest.phase import Phase
from rephase.manifest.reading import read_toml, structure
from rephase.manifest.schema import PENDING, Config, Manifest, Resources, Scale

__all__ = ["displayed", "overridden", "read_phase", "unknown_name"]


def displayed(path: Path) -> str:
    """A path as messages show it: relative to the current folder where it lies below that."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def read_phase(path: Path, document: dict[str, Any] | None = None) -> Phase:
    """Read a manifest and its configs.

    Args:
        path: The manifest.
        document: What the manifest would say, where it is not written yet.

    Returns:
        The phase it describes.

    Raises:
        ManifestError: With all problems of the first file that has any.
    """
    name = displayed(path)
    manifest = structure(read_toml(path, name) if document is None else document, Manifest, name)
    problems = [
        *leading_elsewhere(path, manifest),
        *_inputs(manifest),
        *_uses(manifest),
        *_arrays(manifest),
        *_plugins(manifest),
    ]
    if manifest.scale is Scale.EMBEDDED and not manifest.not_this.strip():
        problems.append(Problem("not_this", "missing key", "say in a sentence what the embedded scale is not"))
    if problems:
        raise ManifestError(name, problems)
    configs = {key: _read_config(path, key, manifest) for key in manifest.configs}
    return Phase(file=path, manifest=manifest, configs=configs, algorithms=_algorithms(manifest, name))


def _inputs(manifest: Manifest) -> list[Problem]:
    found = []
    for name, one in manifest.inputs.items():
        at = f"inputs.{name}"
        if one.pending and not one.pending_because.strip():
            found.append(Problem(f"{at}.pending_because", "missing key", "say why nobody recorded a digest"))
        if one.pending and not (one.made_by or (one.repo and one.revision and one.filename)):
            found.append(
                Problem(f"{at}.sha256", f"{PENDING!r} without a pinned origin", "give repo, revision and filename")
            )
        if one.made_by and one.repo:
            found.append(Problem(f"{at}.made_by", "stands beside a repo", "keep one of the two origins"))
        found += [
            unknown_name(f"{at}.made_from[{place}]", "input", source, list(manifest.inputs))
            for place, source in enumerate(one.made_from)
            if source not in manifest.inputs
        ]
        if not one.pending and one.pending_because:
            found.append(Problem(f"{at}.pending_because", "stands beside a digest", "remove it"))
    return found


def _uses(manifest: Manifest) -> list[Problem]:
    found = []
    known = list(manifest.inputs)
    for name, use in manifest.configs.items():
        asked = {"world_model": use.world_model, "start_states": use.start_states}
        asked |= {f"transitions[{at}]": one for at, one in enumerate(use.transitions)}
        found += [
            unknown_name(f"configs.{name}.{role}", "input", one, known)
            for role, one in asked.items()
            if one and one not in known
        ]
        try:
            structure(dict(use.resources), Resources, "", f"configs.{name}.resources")
        except ManifestError as error:
            found.extend(error.problems)
    return found


def _algorithms(manifest: Manifest, file: str) -> dict[str, Algorithm]:
    """How each config is trained, its own values put in place of the manifest's."""
    found: dict[str, Algorithm] = {}
    problems: list[Problem] = []
    for name, use in manifest.configs.items():
        written = plain(manifest.algorithm)
        for dotted, value in use.algorithm.items():
            written = overridden(written, dotted, value, f"configs.{name}.algorithm.{dotted}", problems)
        try:
            found[name] = structure(written, Algorithm, "", f"configs.{name}.algorithm")
        except ManifestError as error:
            problems.extend(error.problems)
            continue
        trains, at = found[name].finetune_world_model, f"configs.{name}"
        if not (use.world_model or trains):
            problems.append(Problem(f"{at}.world_model", "no weights, and nothing trains them", "name an input"))
        if trains and not use.transitions:
            problems.append(
                Problem(f"{at}.transitions", "the world model trains, and on nothing", "name inputs that hold episodes")
            )
        if not (use.start_states or use.transitions or trains):
            remedy = "name an input, or name episodes in 'transitions'"
            problems.append(Problem(f"{at}.start_states", "nothing to start policies from", remedy))
    if problems:
        raise ManifestError(file, problems)
    return found


def _arrays(manifest: Manifest) -> list[Problem]:
    found = []
    held: dict[str, str] = {}
    for name, array in manifest.arrays.items():
        for at, config in enumerate(array.configs):
            path = f"arrays.{name}.configs[{at}]"
            if config not in manifest.configs:
                found.append(unknown_name(path, "config", config, list(manifest.configs)))
            elif config in held:
                found.append(Problem(path, f"{config!r} is in the array {held[config]!r} too", "keep one"))
            held.setdefault(config, name)
        if len(array.configs) > 1 and "config" not in array.order:
            found.append(Problem(f"arrays.{name}.order", "leaves out 'config' with several configs", "add 'config'"))
    left_out = [name for name in manifest.configs if manifest.arrays and name not in held]
    found += [Problem("arrays", f"no array holds the config {name!r}", "add it to one") for name in left_out]
    if both := sorted(set(manifest.seeds) & set(manifest.extension_seeds)):
        found.append(Problem("extension_seeds", f"{both[0]} is among the seeds already", "choose a fresh one"))
    if both := sorted({*manifest.seeds, *manifest.extension_seeds} & set(manifest.reference_seeds)):
        problem = f"{both[0]} is among the seeds or the extension's already"
        found.append(Problem("reference_seeds", problem, "choose a fresh one"))
    return found


def _plugins(manifest: Manifest) -> list[Problem]:
    found = []
    for name, specifier in manifest.plugins.items():
        try:
            SpecifierSet(specifier)
        except InvalidSpecifier:
            found.append(
                Problem(f"plugins.{name}", f"{specifier!r} is no version specifier", 'write for example ">=0.1,<1"')
            )
    return found


def _read_config(manifest_path: Path, name: str, manifest: Manifest) -> Config:
    use = manifest.configs[name]
    path = manifest_path.parent / use.file
    if not path.is_file():
        problem = Problem(f"configs.{name}.file", f"no such file: {use.file}", "check the path, relative to this file")
        raise ManifestError(displayed(manifest_path), [problem])
    written = read_toml(path, displayed(path))
    structure(written, Config, displayed(path))
    problems: list[Problem] = []
    for dotted, value in use.overrides.items():
        written = overridden(written, dotted, value, f"configs.{name}.overrides.{dotted}", problems)
    if problems:
        raise ManifestError(displayed(manifest_path), problems)
    return structure(written, Config, displayed(manifest_path), f"configs.{name}.overrides")


def overridden(written: dict[str, Any], dotted: str, value: Any, at: str, problems: list[Problem]) -> dict[str, Any]:
    """A document with one value put at a dotted path; where the path leads nowhere, a problem at ``at`` is added."""
    changed = copy.deepcopy(written)
    *way, last = dotted.split(".")
    table: Any = changed
    for key in way:
        if key == "settings" and isinstance(table, dict) and "part" in table:
            table.setdefault(key, {})  # a part's settings may all be left at their defaults
        if not isinstance(table, dict) or not isinstance(table.get(key), dict):
            known = [name for name, item in table.items() if isinstance(item, dict)] if isinstance(table, dict) else []
            problems.append(unknown_name(at, "table", key, known))
            return written
        table = table[key]
    # A setting may be left at its default in the file, so only the way to it must exist; the part checks its name.
    table[last] = _thawed(value)
    return changed


def _thawed(value: Any) -> Any:
    """A value of a manifest as its file has it: tables and lists that can be copied, at every depth."""
    if isinstance(value, Mapping):
        return {key: _thawed(item) for key, item in value.items()}
    return [_thawed(item) for item in value] if isinstance(value, tuple) else value


def unknown_name(path: str, kind: str, name: str, known: list[str]) -> Problem:
    """The problem of a name in a file that is not among the known ones, with the nearest one."""
    near = get_close_matches(name, known, n=1)
    remedy = f"did you mean {near[0]!r}?" if near else "known: " + (", ".join(sorted(known)) or "none")
    return Problem(path, f"unknown {kind} {name!r}", remedy)
