"""A phase of one's own: a manifest that differs from another one in the parts it names and in nothing else.

The text of the manifest is edited, not written anew, so that its comments and order stay. Imports no torch.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rephase.errors import RephaseError, UnknownName, UsageError
from rephase.reproduction.phases import open_phase

__all__ = ["derive", "parse_change"]

_HEADER = re.compile(r"^\[(?P<name>[^\[\]]+)\]\s*$")


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
    except ValueError:  # also where a number has more digits than Python takes
        return path.strip(), value.strip()


def derive(
    source: str,
    name: str,
    scale: str,
    config: str,
    plugins: Mapping[str, str],
    changes: Mapping[str, Any],
    project: Path,
) -> Path:
    """Write ``reproductions/NAME/SCALE.toml``: one config of another phase, with changes.

    Args:
        source: Phase to start from.
        name: Name of the new phase.
        scale: Scale of both.
        config: The config that is kept; the others are left out.
        plugins: Distributions to allow besides, with their version specifiers.
        changes: Values by dotted path into the config's file.
        project: Folder that holds ``reproductions``.

    Returns:
        The new manifest.

    Raises:
        UsageError: There is such a phase already, or the source has no such config.
        RephaseError: The result would not be a manifest; nothing is written then.
    """
    origin = open_phase(source, scale, project)
    if config not in origin.configs:
        raise UnknownName("config", config, list(origin.configs), listing=f"rephase show {source}")
    target = project / "reproductions" / name / f"{scale}.toml"
    if target.exists():
        raise UsageError("is there already", where=str(target), remedy="choose another name")
    written = ", ".join(f"{path} = {_toml(value)}" for path, value in changes.items())
    blocks = []
    for header, lines in _blocks(origin.file.read_text(encoding="utf-8")):
        other = header.startswith("configs.") and header.split(".")[1] != config
        if other or header.startswith("arrays."):
            continue
        if not header:
            lines = [_named(line, name, source, written) for line in lines]
        if header == "plugins":
            lines = _with(lines, [f"{plugin} = {_toml(specifier)}" for plugin, specifier in plugins.items()])
        blocks.append((header, lines))
        if header == f"configs.{config}":
            overrides = [f'"{path}" = {_toml(value)}' for path, value in changes.items()]
            blocks.append((f"configs.{config}.overrides", ["", f"[configs.{config}.overrides]", *overrides]))
    text = "\n".join(line for _, lines in _merged(blocks) for line in lines) + "\n"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    try:
        open_phase(name, scale, project)
    except RephaseError:
        target.unlink()
        if not any(target.parent.iterdir()):
            target.parent.rmdir()
        raise
    return target


def _blocks(text: str) -> list[tuple[str, list[str]]]:
    """The tables of a TOML text with their lines; blank lines and comments before a header belong to it."""
    blocks: list[tuple[str, list[str]]] = [("", [])]
    for line in text.splitlines():
        found = _HEADER.match(line)
        if found:
            above = blocks[-1][1]
            lead: list[str] = []
            while above and (not above[-1].strip() or above[-1].startswith("#")):
                lead.insert(0, above.pop())
            blocks.append((found["name"].strip(), [*lead, line]))
        else:
            blocks[-1][1].append(line)
    return blocks


def _merged(blocks: list[tuple[str, list[str]]]) -> list[tuple[str, list[str]]]:
    """Tables of one name put together, the later lines behind the earlier ones."""
    order: dict[str, list[str]] = {}
    for header, lines in blocks:
        if header in order:
            body = [line for line in lines if line.strip() and not _HEADER.match(line)]
            order[header] = _with(order[header], body)
        else:
            order[header] = lines
    return list(order.items())


def _with(lines: list[str], more: list[str]) -> list[str]:
    kept = list(lines)
    while kept and not kept[-1].strip():
        kept.pop()
    return [*kept, *more]


def _named(line: str, name: str, source: str, written: str) -> str:
    key = line.partition("=")[0].strip()
    if key == "phase":
        return f"phase = {_toml(name)}"
    if key == "title":
        return f"title = {_toml(f'{source} with {written}')}"
    if key == "recorded":
        recorded = tomllib.loads(line)["recorded"]
        return f"recorded = {_toml(f'../{source}/{recorded}')}"
    return line


def _toml(value: Any) -> str:
    # JSON's texts, numbers, booleans and lists are TOML's too.
    return json.dumps(value, ensure_ascii=False)
