"""The gallery of plugins is what their metadata and offers say, and no plugin of the checkout is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from rephase.cli.gallery import PAGE, page
from rephase.plugins.registry import discover

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(path.parent.name for path in ROOT.glob("plugins/rephase-*/pyproject.toml"))


@pytest.fixture(scope="module")
def all_are_installed() -> None:
    import importlib.metadata

    here = {one.metadata["Name"] for one in importlib.metadata.distributions()}
    if absent := [name for name in FOLDERS if name not in here]:
        pytest.skip(f"not installed: {', '.join(absent)}")


@pytest.mark.usefixtures("all_are_installed")
def test_the_page_is_what_the_plugins_say() -> None:
    assert (ROOT / PAGE).read_text(encoding="utf-8") == page(ROOT), "write it again with: nox -s pages"


def test_every_plugin_and_every_installed_part_is_on_it() -> None:
    text = (ROOT / PAGE).read_text(encoding="utf-8")

    assert [name for name in FOLDERS if f"## {name}\n" not in text] == []
    for part in discover().offered:
        if part.source.distribution in FOLDERS:
            assert f"| {part.offer.kind} | `{part.offer.name}` | {part.offer.summary} |" in text
