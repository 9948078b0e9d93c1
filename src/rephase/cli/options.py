"""Arguments that commands about a phase share."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rephase.manifest import Phase
    from rephase.reproduction.storing import Store

__all__ = ["add_folders", "add_phase", "phase_of", "project_of", "runs_of", "store_of"]


def add_phase(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Declare PHASE, ``--scale`` and the folders.

    Args:
        parser: The command's parser.
        optional: Whether PHASE may be left out; ``arguments.phase`` is None then.
    """
    parser.add_argument(
        "phase",
        metavar="PHASE",
        nargs="?" if optional else None,
        help="a phase such as phase3, or a manifest's path ending in .toml",
    )
    parser.add_argument(
        "--scale", choices=["embedded", "logged"], default="embedded", help="how large it is run (default: embedded)"
    )
    add_folders(parser)


def add_folders(parser: argparse.ArgumentParser) -> None:
    """Declare ``--project`` and ``--runs``."""
    parser.add_argument(
        "--project", type=Path, help="folder that holds reproductions/ (default: here or the nearest above)"
    )
    parser.add_argument(
        "--runs", type=Path, help="folder runs are kept in (default: $REPHASE_RUNS, or runs/ in the project)"
    )


def project_of(arguments: argparse.Namespace) -> Path:
    """The project's folder."""
    from rephase.reproduction.phases import find_project

    return Path(arguments.project) if arguments.project else find_project(Path.cwd())


def phase_of(arguments: argparse.Namespace) -> Phase:
    """The phase asked for, read and checked."""
    from rephase.reproduction.phases import open_phase

    is_path = arguments.phase.endswith(".toml")
    return open_phase(arguments.phase, arguments.scale, Path() if is_path else project_of(arguments))


def runs_of(arguments: argparse.Namespace) -> Path:
    """The folder runs are kept in."""
    if arguments.runs:
        return Path(arguments.runs)
    return Path(os.environ.get("REPHASE_RUNS") or project_of(arguments) / "runs")


def store_of(arguments: argparse.Namespace, phase: Phase) -> Store:
    """Where the phase's runs are kept."""
    from rephase.reproduction.storing import Store

    return Store(runs_of(arguments), phase)
