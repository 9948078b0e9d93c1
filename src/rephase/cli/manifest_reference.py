"""The reference of manifests, a page and schemas for editors: `nox -s pages` writes them, a test compares them."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rephase.manifest.describing import DescribedTable, json_schema, tables
from rephase.manifest.schema import Config, Manifest

__all__ = ["FILES", "written"]

FILES = ("docs/reference/manifest.md", "docs/reference/manifest.schema.json", "docs/reference/config.schema.json")
"""What is written, below the checkout."""

_HEAD = """# Manifests and configs

Written by `nox -s pages` from the classes that read these files. `rephase show PHASE` says what a manifest comes to; a
key that is unknown, missing or of another type is refused with its place. Examples are from the manifests that ship.

Editors that know Taplo (Even Better TOML in VS Code) complete and check both kinds of file: `.taplo.toml` in a checkout
names [manifest.schema.json](manifest.schema.json) and [config.schema.json](config.schema.json). A schema knows keys,
types and bounds; names that must agree across a file are checked by reading it.
"""


def written(root: Path) -> dict[str, str]:
    """The text of each of `FILES`.

    Args:
        root: Folder of the checkout, whose manifests give the examples.
    """
    # What the log ran comes first: it does not change when the embedded scale is made anew.
    found = [
        file for scale in ("logged", "embedded") for file in sorted((root / "reproductions").glob(f"*/{scale}.toml"))
    ]
    blocks = [_HEAD, "## A phase's manifest: `reproductions/PHASE/SCALE.toml`\n"]
    blocks += _sections(Manifest, [_read(file) for file in found])
    blocks.append("## A configuration: `reproductions/configs/NAME.toml`\n")
    blocks += _sections(Config, [_read(file) for file in sorted((root / "reproductions/configs").glob("*.toml"))])
    schemas = (json_schema(Manifest, "rephase manifest"), json_schema(Config, "rephase config"))
    return dict(zip(FILES, ["\n".join(blocks), *(json.dumps(one, indent=2) + "\n" for one in schemas)], strict=True))


def _read(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _sections(shape: type, files: list[dict[str, Any]]) -> Iterator[str]:
    for table in tables(shape):
        yield f"### `[{table.path}]`\n" if table.path else "### At the top\n"
        yield f"{table.meaning}\n"
        yield "\n".join(["| key | type | default | meaning | example |", "|---|---|---|---|---|", *_rows(table, files)])
        yield ""


def _rows(table: DescribedTable, files: list[dict[str, Any]]) -> Iterator[str]:
    here = [one for file in files for one in _at(file, table.path.split(".") if table.path else [])]
    for key in table.keys:
        example = next((_shown(one[key.name]) for one in here if one.get(key.name) not in (None, {}, [])), "")
        cells = [f"`{key.name}`", key.type, key.default, key.meaning, example and f"`{example}`"]
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _at(document: Any, way: list[str]) -> Iterator[dict[str, Any]]:
    if not isinstance(document, dict):
        return
    if not way:
        yield document
        return
    for one in document.values() if way[0] == "NAME" else [document.get(way[0])]:
        yield from _at(one, way[1:])


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_shown(one)}" for key, one in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    for place, text in written(Path(sys.argv[1])).items():
        (Path(sys.argv[1]) / place).write_text(text, encoding="utf-8")
