"""The gallery of plugins, made from their metadata and offers: `nox -s pages` writes it, a test compares it."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rephase.plugins.registry import discover
from rephase.plugins.runners import discover_runners
from rephase.plugins.trackers import discover_trackers

__all__ = ["PAGE", "page"]

PAGE = "docs/reference/plugins.md"
"""Where the page lies in a checkout."""

_HEAD = """# Gallery of plugins

Written by `nox -s pages` from the plugins' own metadata and offers. Each is a distribution of its own under `plugins/`,
built and tested as a stranger's would be; `rephase plugins` lists what is installed where you are. The first five come
with nox and the image. [The tutorial](../tutorial/add-an-integrator.md) adds one more.
"""
_CORE = ("rephase-mlp", "rephase-flow", "rephase-euler", "rephase-rk", "rephase-slurm")


def page(root: Path) -> str:
    """The page as Markdown.

    Args:
        root: Folder of the checkout, all of whose plugins are installed.
    """
    projects = [_project(file) for file in sorted((root / "plugins").glob("rephase-*/pyproject.toml"))]
    places = {name: place for place, name in enumerate(_CORE)}
    projects.sort(key=lambda project: (places.get(project["name"], len(places)), project["name"]))
    offers = _offers()
    return "\n".join([_HEAD, *(_section(project, offers.get(project["name"], [])) for project in projects)])


def _project(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
    return found


def _offers() -> dict[str, list[tuple[str, str, str]]]:
    """What is offered as (kind, name, summary), by distribution."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for owner, row in _rows():
        found.setdefault(owner, []).append(row)
    return found


def _rows() -> Iterator[tuple[str, tuple[str, str, str]]]:
    for part in discover().offered:
        yield part.source.distribution, (str(part.offer.kind), part.offer.name, part.offer.summary)
    for tracker in discover_trackers().offered:
        yield tracker.source.distribution, ("tracker", tracker.offer.name, tracker.offer.summary)
    for runner in discover_runners().offered:
        yield runner.source.distribution, ("runner", runner.offer.name, runner.offer.summary)


def _section(project: dict[str, Any], offers: list[tuple[str, str, str]]) -> str:
    name = project["name"]
    needs = [f"`{word}`" for word in project["dependencies"] if not word.startswith("rephase")]
    lines = [f"## {name}\n", project["description"] + (f" Needs {', '.join(needs)}." if needs else "") + "\n"]
    lines += [f"```console\n$ pip install -c constraints.txt ./plugins/{name}\n```\n"]
    lines += ["| kind | name | what it is |", "|---|---|---|"]
    lines += [f"| {kind} | `{own}` | {summary} |" for kind, own, summary in offers]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    (Path(sys.argv[1]) / PAGE).write_text(page(Path(sys.argv[1])), encoding="utf-8")
