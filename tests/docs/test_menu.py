"""The site's menu names every page there is, and nothing else."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def named(entry: Any) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    entries = entry.values() if isinstance(entry, dict) else entry
    return [page for each in entries for page in named(each)]


def test_every_page_is_in_the_menu_once() -> None:
    menu = named(tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"])
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}

    assert set(menu) == pages
    assert len(menu) == len(set(menu))
