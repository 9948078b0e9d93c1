"""A new plugin distribution from templates: it installs, is listed, passes the kit and can be named in a manifest.

Imports no torch and runs nothing.
"""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from string import Template

from rephase import __version__
from rephase.errors import UsageError
from rephase.plugins import Kind

__all__ = ["KINDS", "write_plugin"]

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TITLES = {
    str(Kind.INTEGRATOR): "An integrator",
    str(Kind.POLICY): "A policy",
    str(Kind.WORLD_MODEL): "A world model",
    "task": "A task",
}

KINDS = tuple(_TITLES)
"""What a plugin can be written for."""


def write_plugin(name: str, kind: str, parent: Path) -> tuple[Path, ...]:
    """Write a working plugin of one part or task.

    Args:
        name: Name of the part, lower case with hyphens, such as ``ralston``; a leading ``rephase-`` is taken off.
        kind: One of `KINDS`.
        parent: Folder the plugin's own folder, ``rephase-NAME``, is made in.

    Returns:
        The files written, sorted.

    Raises:
        UsageError: The name is no name, or the folder is there already; nothing is written then.
    """
    part = name.removeprefix("rephase-")
    if not _NAME.fullmatch(part):
        raise UsageError(
            f"{name!r} is no name for a part", where="NAME", remedy="use lower-case letters, digits and single hyphens"
        )
    distribution = f"rephase-{part}"
    folder = parent / distribution
    if folder.exists():
        raise UsageError("is there already", where=str(folder), remedy="choose another name or folder")
    module = distribution.replace("-", "_")
    file = part.replace("-", "_")
    major = int(__version__.partition(".")[0])
    words = {
        "distribution": distribution,
        "module": module,
        "part": part,
        "file": file,
        "kind": str(kind),
        "title": _TITLES[kind],
        "class_name": "".join(word.capitalize() for word in part.split("-")),
        "minimum": ".".join(__version__.split(".")[:2]),
        "below": str(major + 1),
        "data": '"py.typed", "reproductions/*/*"' if kind == "task" else '"py.typed"',
    }
    places = {
        "common/pyproject.toml.txt": folder / "pyproject.toml",
        f"{_readme(kind)}/README.md.txt": folder / "README.md",
        "common/__init__.py.txt": folder / "src" / module / "__init__.py",
        f"{kind}/offers.py.txt": folder / "src" / module / "offers.py",
        f"{kind}/part.py.txt": folder / "src" / module / f"{file}.py",
        f"{kind}/test_conformance.py.txt": folder / "tests" / f"test_{file}.py",
    }
    templates = files("rephase.plugins") / "templates"
    texts = {
        place: Template((templates / source).read_text(encoding="utf-8")).substitute(words)
        for source, place in places.items()
    }
    texts[folder / "src" / module / "py.typed"] = ""
    for place, text in texts.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return tuple(sorted(texts))


def _readme(kind: str) -> str:
    return kind if kind == "task" else "common"
