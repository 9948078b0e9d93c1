"""What a derived phase has otherwise, put into its document: values of configs as overrides, the rest where it stands.

A part's settings belong to that part: where another part takes its place they go with it, and so does an integrator
that was not asked for.
"""

from __future__ import annotations

import copy
import json
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

import tomlkit
from attrs import field, frozen

from rephase.errors import Problem, UsageError
from rephase.manifest import Phase
from rephase.manifest.files import overridden

__all__ = ["Derivation", "change_config", "change_manifest", "in_words"]

_CONFIG = ("policy", "world_model")
_HELD = ("configs", "inputs", "arrays", "plugins", "phase", "scale", "schema", "recorded", "tasks", "seeds")


@frozen(kw_only=True)
class Derivation:
    """What a derived phase has otherwise than the phase it comes from.

    Args:
        configs: The configs that are kept; all of them when empty.
        plugins: Further distributions to allow, as requirements such as ``rephase-rk>=0.1``.
        changes: Values by dotted path: ``policy`` and ``world_model`` lead into the configs' files, any other first
            word, such as ``algorithm``, into the manifest.
        unset: Dotted paths of what is left at its default again.
        tasks: Its tasks; those of the other phase when empty.
        seeds: Its seeds; those of the other phase when empty.
        written_by: The command that asked for it, kept as a comment.
    """

    configs: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    changes: Mapping[str, Any] = field(factory=dict)
    unset: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    written_by: str = ""


def change_config(document: tomlkit.TOMLDocument, origin: Phase, config: str, wanted: Derivation) -> None:
    """Write the changes of a config's file as its overrides.

    Args:
        document: The manifest, changed in place.
        origin: The phase it was.
        config: Name of the config.
        wanted: What is to differ.

    Raises:
        UsageError: A path leads nowhere.
    """
    use = document["configs"][config]
    file = origin.file_of(config)
    written = tomllib.loads(file.read_text(encoding="utf-8"))
    after = copy.deepcopy(written)
    for path, value in use.get("overrides", {}).items():
        after = overridden(after, str(path), tomlkit.item(value).unwrap(), "--set", [])
    before = copy.deepcopy(after)
    for path in filter(_is_in_config, wanted.unset):
        _remove(after, path)
    for path, value in _parts_first(wanted.changes):
        after = _changed(after, path, value)
    if after == before:
        return
    needed = dict(_overrides(written, after))
    table = use.setdefault("overrides", tomlkit.table())
    for path in [path for path in table if path not in needed]:
        del table[path]
    for path, value in needed.items():
        if path not in table or tomlkit.item(table[path]).unwrap() != value:
            table[path] = _item(value)


def change_manifest(document: tomlkit.TOMLDocument, configs: tuple[str, ...], wanted: Derivation) -> None:
    """Write the other changes where the manifest says such things.

    Raises:
        UsageError: A path leads nowhere, or to what has an option of its own.
    """
    for path in wanted.unset:
        if not _is_in_config(path):
            _remove(document, _free(path, "--unset"))
            _not_by_config(document, configs, path)
    for path, value in wanted.changes.items():
        if _is_in_config(path):
            continue
        *way, last = _free(path, "--set").split(".")
        table: Any = document
        for key in way:
            table = table.setdefault(key, tomlkit.table())
            if not isinstance(table, Mapping):
                raise UsageError(f"{key!r} in {path!r} is no table", where="--set", remedy="shorten the path")
        table[last] = _item(value)
        _not_by_config(document, configs, path)


def in_words(wanted: Derivation, fewer: bool) -> str:
    """What differs, in words.

    Args:
        wanted: What is to differ.
        fewer: Whether some of the other phase's configs were left out.
    """
    words = [f"{path} = {json.dumps(value, ensure_ascii=False)}" for path, value in wanted.changes.items()]
    words += [f"{path} at its default" for path in wanted.unset]
    words += [f"tasks {', '.join(wanted.tasks)}"] if wanted.tasks else []
    words += [f"seeds {', '.join(map(str, wanted.seeds))}"] if wanted.seeds else []
    if not words:
        words = [f"only {' and '.join(wanted.configs)}"] if fewer else ["nothing changed"]
    return ", ".join(words)


def _is_in_config(path: str) -> bool:
    return path.partition(".")[0] in _CONFIG


def _free(path: str, option: str) -> str:
    first = path.partition(".")[0]
    if first in _HELD:
        remedy = "use --config, --plugin, --task or --seed, or edit the manifest"
        raise UsageError(f"{path!r} is not to be changed so", where=option, remedy=remedy)
    return path


def _not_by_config(document: tomlkit.TOMLDocument, configs: tuple[str, ...], path: str) -> None:
    """A config's own value of the algorithm must not stand above the one asked for."""
    first, _, rest = path.partition(".")
    for config in configs if first == "algorithm" else ():
        own = document["configs"][config].get("algorithm", {})
        own.pop(rest, None)


def _parts_first(changes: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Changes of configs, each part before what is set in it, in whatever order they were given."""
    mine = [(path, value) for path, value in changes.items() if _is_in_config(path)]
    return sorted(mine, key=lambda change: change[0].count(".") if change[0].endswith(".part") else 9)


def _changed(config: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    *way, last = path.split(".")
    table: Any = config
    for key in way[:-1]:
        table = table.get(key) if isinstance(table, dict) else None
    if last == "part" and way and isinstance(table, dict):
        if table.get(way[-1], {}).get("part") != value:
            table[way[-1]] = {"part": value}
        return config
    problems: list[Problem] = []
    config = overridden(config, path, value, "--set", problems)
    if problems:
        raise UsageError(str(problems[0]).removeprefix("--set: "), where="--set")
    return config


def _remove(table: Any, path: str) -> None:
    *way, last = path.split(".")
    for key in way:
        table = table.get(key) if isinstance(table, Mapping) else None
    if not isinstance(table, Mapping) or last not in table:
        raise UsageError(f"{path!r} is not set", where="--unset", remedy="it is at its default already, or misspelt")
    del table[last]  # type: ignore[attr-defined]


def _overrides(written: Mapping[str, Any], after: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, Any]]:
    """The fewest values by dotted path that turn one into the other; overrides can add and replace, not remove."""
    for key, value in after.items():
        path = f"{at}.{key}" if at else key
        old = written.get(key)
        if key in written and old == value:
            continue
        if isinstance(old, dict) and isinstance(value, dict) and set(old) <= set(value) and value:
            yield from _overrides(old, value, path)
        elif key == "settings" and old is None and isinstance(value, dict):
            yield from _overrides({}, value, path)
        else:
            yield path, value


def _item(value: Any) -> Any:
    """A value as TOML writes it on one line."""
    if not isinstance(value, dict):
        return tomlkit.item(value)
    table = tomlkit.inline_table()
    for key, one in value.items():
        table[key] = _item(one)
    return table
