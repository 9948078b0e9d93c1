"""Arguments that commands about a phase share."""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rephase.errors import UsageError

if TYPE_CHECKING:
    from rephase.manifest import Phase
    from rephase.manifest.schema import Arithmetic
    from rephase.reproduction.storing import Store

__all__ = [
    "add_expectation",
    "add_folders",
    "add_phase",
    "at_least",
    "computes_as_asked",
    "computes_with",
    "device",
    "phase_of",
    "project_of",
    "runs_of",
    "seconds",
    "store_of",
]

_DEVICE = re.compile(r"cpu|cuda(:[0-9]{1,3})?")


def at_least(lowest: int) -> Callable[[str], int]:
    """A type for `add_argument`: a whole number that is not below another one."""

    def whole(text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,18}", text) or int(text) < lowest:
            raise argparse.ArgumentTypeError(f"expected a whole number of at least {lowest}, found {text!r}")
        return int(text)

    return whole


def seconds(text: str) -> float:
    """A type for `add_argument`: a finite number of seconds that is not negative."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of seconds, found {text!r}")
    return value


def device(text: str) -> str:
    """A type for `add_argument`: where to compute."""
    if not _DEVICE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"expected cpu, cuda or a device such as cuda:1, found {text!r}")
    return text


def add_phase(parser: argparse.ArgumentParser, *, optional: bool = False, scale: str = "embedded") -> None:
    """Declare PHASE, ``--scale`` and the folders.

    Args:
        parser: The command's parser.
        optional: Whether PHASE may be left out; ``arguments.phase`` is None then.
        scale: Scale where none is given.
    """
    parser.add_argument(
        "phase",
        metavar="PHASE",
        nargs="?" if optional else None,
        help="a phase such as phase3, or a manifest's path ending in .toml",
    )
    parser.add_argument(
        "--scale", choices=["embedded", "logged"], default=scale, help=f"how large it is run (default: {scale})"
    )
    add_folders(parser)


def add_expectation(parser: argparse.ArgumentParser) -> None:
    """Declare ``--expect-manifest``, by which a job says what was submitted; `phase_of` holds the phase against it."""
    parser.add_argument(
        "--expect-manifest",
        default="",
        metavar="DIGEST",
        help="start nothing unless the manifest still has this digest (rephase submit writes it into its jobs)",
    )


def add_folders(parser: argparse.ArgumentParser) -> None:
    """Declare ``--project`` and ``--runs``."""
    parser.add_argument(
        "--project", type=Path, help="folder that holds reproductions/ (default: here or the nearest above)"
    )
    parser.add_argument(
        "--runs", type=Path, help="folder runs are kept in (default: $REPHASE_RUNS, or runs/ in the project)"
    )


def project_of(arguments: argparse.Namespace) -> Path:
    """The project's folder; outside a checkout, the image's, or where the user stands if distributions ship phases."""
    from rephase.plugins.phases import shipped_phases
    from rephase.reproduction.phases import find_project

    if arguments.project:
        return Path(arguments.project)
    try:
        return find_project(Path.cwd())
    except UsageError:
        if folder := _image_project():
            return folder
        if shipped_phases():
            return Path()
        raise


def phase_of(arguments: argparse.Namespace) -> Phase:
    """The phase asked for, read and checked."""
    from rephase.reproduction.phases import open_phase, require_manifest

    is_path = arguments.phase.endswith(".toml")
    phase = open_phase(arguments.phase, arguments.scale, Path() if is_path else project_of(arguments))
    if expected := getattr(arguments, "expect_manifest", ""):
        require_manifest(phase, expected)
    return phase


def runs_of(arguments: argparse.Namespace) -> Path:
    """The folder runs are kept in."""
    if arguments.runs:
        return Path(arguments.runs)
    if folder := os.environ.get("REPHASE_RUNS"):
        return Path(folder)
    project = project_of(arguments)
    # An image cannot be written to, so runs are kept where the user stands.
    return Path("runs") if project == _image_project() else project / "runs"


def store_of(arguments: argparse.Namespace, phase: Phase) -> Store:
    """Where the phase's runs are kept."""
    from rephase.reproduction.storing import Store

    return Store(runs_of(arguments), phase)


def _image_project() -> Path | None:
    """The project that came with the image this runs in."""
    folder = os.environ.get("REPHASE_PROJECT")
    return Path(folder) if folder else None


def computes_as_asked(arguments: argparse.Namespace, phase: Phase, device: str) -> bool:
    """Have this process compute with the arithmetic the phase asks for, as `computes_with` does."""
    return computes_with(arguments, phase.arithmetic, device)


def computes_with(arguments: argparse.Namespace, arithmetic: Arithmetic, device: str) -> bool:
    """Have this process compute with an arithmetic; may start the command again and not return.

    Returns:
        Whether it does, as far as this machine can. It does not where a program called the command and may have
        loaded torch long ago; processes it starts for the work do all the same.
    """
    from rephase.manifest.schema import Arithmetic
    from rephase.runtime.arithmetic import is_started, restart, why_not

    if arithmetic is Arithmetic.NATIVE or why_not(device) or is_started(device):
        return True
    if arguments.is_process:
        restart()
    return False
