"""Installed distributions that never were: a module and its metadata on disk, found the way pip's are."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

__all__ = ["OFFER", "install"]

OFFER = """
from attrs import frozen
from rephase.plugins import Kind, Offer, hookimpl

@frozen
class Config:
    order: int = 1

@hookimpl
def {hook}():
    return [Offer(kind=Kind.{kind}, name="{name}", summary="a fake", config=Config, loader="{module}:build")]
"""


def install(
    patch: pytest.MonkeyPatch,
    folder: Path,
    distribution: str,
    *,
    version: str = "1.0",
    name: str = "fake",
    kind: str = "INTEGRATOR",
    hook: str = "rephase_offers",
    source: str | None = None,
) -> None:
    """Put a plugin distribution on the path for the length of a test.

    Args:
        patch: The test's monkeypatch.
        folder: An empty folder.
        distribution: Name of the distribution.
        version: Its version.
        name: Name it offers.
        kind: Kind it offers.
        hook: Name of the hook it implements.
        source: The module's whole text instead.
    """
    module = distribution.replace("-", "_")
    folder.mkdir(parents=True, exist_ok=True)
    text = OFFER.format(hook=hook, name=name, kind=kind, module=module) if source is None else source
    (folder / f"{module}.py").write_text(text)
    metadata = folder / f"{module}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    (metadata / "entry_points.txt").write_text(f"[rephase]\nfake = {module}\n")
    patch.syspath_prepend(folder)
    patch.delitem(sys.modules, module, raising=False)
