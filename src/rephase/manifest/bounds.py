"""What a manifest may name: files of its own project and of folders of inputs, wherever links and ``..`` lead.

Manifests come from strangers, and what they name is read, fetched into, recorded over and exported. So every path is
followed to its end before anything else is done with the manifest, and one that ends elsewhere is refused. This is the
one place that says where elsewhere begins.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from rephase.errors import Problem
from rephase.manifest.fetched import fetch_lock_path
from rephase.manifest.schema import Manifest

__all__ = ["INPUTS_VARIABLE", "leading_elsewhere", "named_inputs"]

INPUTS_VARIABLE = "REPHASE_INPUTS"
"""Environment variable in which a user names folders, beyond the project's own, that manifests may lead into."""

_FOLDERS = ("reproductions", "inputs")


def leading_elsewhere(file: Path, manifest: Manifest) -> list[Problem]:
    """Every path of a manifest that ends outside its project.

    It may end in the manifest's own folder, in ``reproductions`` and ``inputs`` of the nearest folder upwards that
    holds ``reproductions``, and in folders the user names in ``$REPHASE_INPUTS``.

    Args:
        file: The manifest's file.
        manifest: What it says.

    Returns:
        A problem for each such path, with the key it stands at.
    """
    allowed = [folder.resolve() for folder in _allowed(file)]
    found = []
    for key, written, path in _named(file, manifest):
        end = path.resolve()
        if not any(end.is_relative_to(folder) for folder in allowed):
            problem = f"{written!r} leads to {end}, expected a file in {_words(file)}"
            remedy = f"move it there, or allow its folder with {INPUTS_VARIABLE}={end.parent}"
            found.append(Problem(key, problem, remedy))
    return found


def named_inputs() -> tuple[Path, ...]:
    """The folders the user allows with ``$REPHASE_INPUTS``, separated as in ``$PATH``; absolute."""
    value = os.environ.get(INPUTS_VARIABLE, "")
    return tuple(Path(folder).absolute() for folder in value.split(os.pathsep) if folder)


def _named(file: Path, manifest: Manifest) -> Iterator[tuple[str, str, Path]]:
    """Key, text and path of every file the manifest leads to, those beside it that it does not name included."""
    for name, one in manifest.inputs.items():
        yield f"inputs.{name}.path", one.path, file.parent / one.path
    for name, use in manifest.configs.items():
        yield f"configs.{name}.file", use.file, file.parent / use.file
    if manifest.recorded:
        yield "recorded", manifest.recorded, file.parent / manifest.recorded
    for beside in (file.with_name(f"{file.stem}.recorded.json"), fetch_lock_path(file)):
        if beside.name != manifest.recorded:
            yield beside.name, beside.name, beside


def _allowed(file: Path) -> Iterator[Path]:
    yield file.parent
    yield from named_inputs()
    if (project := _project(file)) is not None:
        # A link among these came with the project. It says nothing about what its user wants read.
        yield from (project / name for name in _FOLDERS if (project / name).resolve().is_relative_to(project.resolve()))


def _project(file: Path) -> Path | None:
    """The nearest folder upwards that holds ``reproductions``, along the path as it was typed."""
    folders = Path(os.path.abspath(file)).parents
    return next((folder for folder in folders if (folder / _FOLDERS[0]).is_dir()), None)


def _words(file: Path) -> str:
    project = _project(file)
    return str(file.parent.resolve()) if project is None else f"{_FOLDERS[0]}/ or {_FOLDERS[1]}/ of {project}"
