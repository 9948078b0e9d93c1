"""Edits of a manifest's text as a document: configs taken out and paths that lead on from another folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import Comment, Table, Whitespace

__all__ = ["bring_along", "keep_configs", "relocate"]


def keep_configs(document: tomlkit.TOMLDocument, kept: tuple[str, ...]) -> None:
    """Take the other configs out, and out of job arrays; comments above what follows them stay.

    Args:
        document: The manifest, changed in place.
        kept: Names of the configs that stay.
    """
    configs: Any = document["configs"]
    for name in [name for name in configs if name not in kept]:
        _save_what_follows(document, configs[name])
        del configs[name]
    arrays: Any = document.get("arrays", {})
    for name in list(arrays):
        here = [config for config in arrays[name]["configs"] if config in kept]
        if here:
            arrays[name]["configs"] = here
        else:
            del arrays[name]
    if "arrays" in document and not arrays:
        del document["arrays"]


def relocate(document: tomlkit.TOMLDocument, source: Path, target: Path) -> None:
    """Make the paths of a manifest lead from another folder to where they led.

    Args:
        document: The manifest, changed in place.
        source: Where it was read.
        target: Where it will be.
    """
    for table, key in _places(document):
        leads_to = os.path.normpath(source.parent.absolute() / str(table[key]))
        if os.path.normpath(target.parent.absolute() / str(table[key])) != leads_to:
            table[key] = Path(os.path.relpath(leads_to, target.parent.absolute())).as_posix()


def bring_along(document: tomlkit.TOMLDocument, source: Path) -> dict[str, Path]:
    """Make the paths of a manifest lead to files in a folder beside it, which have to be copied there.

    The folder has the name of the source's phase: a record in the manifest's own folder would be the new phase's own.

    Args:
        document: The manifest, changed in place.
        source: Where it was read.

    Returns:
        Where each of those files is now, by its path from the manifest's folder.
    """
    files: dict[str, Path] = {}
    for table, key in _places(document):
        path = Path(os.path.normpath(source.parent.absolute() / str(table[key])))
        name = path.name
        while files.get(f"{document['phase']}/{name}", path) != path:
            name = f"_{name}"
        table[key] = f"{document['phase']}/{name}"
        files[table[key]] = path
    return files


def _places(document: tomlkit.TOMLDocument) -> list[tuple[Any, str]]:
    """Tables and keys in them that name files."""
    places: list[tuple[Any, str]] = [(document, "recorded")] if document.get("recorded") else []
    places += [(one, "path") for one in document.get("inputs", {}).values()]
    return places + [(one, "file") for one in document["configs"].values()]


def _save_what_follows(document: tomlkit.TOMLDocument, gone: Any) -> None:
    """Hand the comments behind a table, which stand above the next header, to the table before it."""
    order = list(_tables(document))
    at = next((at for at, one in enumerate(order) if one is gone), 0)
    above = [one for one in order[:at] if not one.is_super_table()]  # one that has a header
    if not isinstance(gone, Table) or not above:
        return
    [*_, last] = [gone, *_tables(gone.value)]
    tail: list[Any] = []
    for key, item in reversed(last.value.body):
        if key is not None or not isinstance(item, Comment | Whitespace):
            break
        tail.insert(0, item)
    if any(isinstance(item, Comment) for item in tail):
        for item in tail:
            above[-1].value.add(item)


def _tables(container: Any) -> Iterator[Table]:
    for _, item in container.body:
        if isinstance(item, Table):
            yield item
            yield from _tables(item.value)
