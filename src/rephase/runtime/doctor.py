"""Looks at what this machine can do: one finding each, with the remedy. Changes nothing that stays.

It runs what it speaks about instead of looking for a name: a package counts when it imports, Apptainer when it
answers, a folder when a lock, a rename and a sync work in it.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from attrs import frozen

from rephase.errors import RephaseError
from rephase.runtime import arithmetic
from rephase.runtime.apptainer import apptainer_version
from rephase.runtime.machine import Machine, describe_machine

__all__ = ["Requirement", "Availability", "can_run_here", "examine"]

_OLDEST_PYTHON = (3, 11)
_NEWEST_PYTHON = (3, 12)
_LEAST_MEMORY = 4 * 2**30
_LEAST_DISK = 2 * 2**30


class Availability(StrEnum):
    """How a finding stands."""

    OK = "ok"
    ABSENT = "absent"
    BROKEN = "broken"


@frozen
class Requirement:
    """One thing the machine has or lacks.

    Args:
        name: What was looked at.
        standing: OK; ABSENT when it is not there and only some work needs it; BROKEN when nothing can run without.
        found: What was found, one line.
        remedy: What to do about it; empty when it is OK.
    """

    name: str
    standing: Availability
    found: str
    remedy: str = ""


def examine(runs: Path) -> tuple[Requirement, ...]:
    """Look at this machine.

    Args:
        runs: Folder that runs are kept in; it need not exist.

    Returns:
        One finding for each thing looked at, in the same order wherever the same runners are installed.
    """
    machine = describe_machine()
    return (
        _python(),
        _machine(machine),
        _package("torch", "2.11", "rephase[run]"),
        _arithmetic(),
        _gpu(machine),
        _package("mujoco", "3.3.7", "rephase[run]"),
        _package("dm_control", "1.0.34", "rephase[run]", module="dm_control.suite"),
        _package("safetensors", "0.5", "rephase[run]"),
        _plugins(),
        _folder(runs),
        _space(runs),
        _container(machine),
        _tool("apptainer", apptainer_version, "install Apptainer 1.2 or later; only image and submit need it"),
        _package("spython", "0.3.14", "rephase[cluster]", needed="only image needs it"),
        *_runners(),
        _package("huggingface_hub", "0.30", "rephase[hub]", needed="only fetch needs it"),
        _package("matplotlib", "3.9", "rephase[report]", needed="only report needs it"),
    )


def can_run_here(findings: tuple[Requirement, ...]) -> bool:
    """Whether nothing that every run needs is missing."""
    return all(finding.standing is not Availability.BROKEN for finding in findings)


def _python() -> Requirement:
    found = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return Requirement("python", Availability.BROKEN, found, "use Python 3.11 or 3.12")
    if sys.version_info[:2] > _NEWEST_PYTHON:
        remedy = "use Python 3.11 or 3.12: dm_control needs labmaze, which has no wheel for a later one"
        return Requirement("python", Availability.BROKEN, found, remedy)
    return Requirement("python", Availability.OK, f"{found} at {sys.executable}")


def _machine(machine: Machine) -> Requirement:
    found = f"{machine.cores} cores, {machine.memory_bytes / 2**30:.1f} GiB, {machine.cpu or 'unknown CPU'}"
    if 0 < machine.memory_bytes < _LEAST_MEMORY:
        return Requirement("machine", Availability.BROKEN, found, "use a machine with at least 4 GiB of memory")
    return Requirement("machine", Availability.OK, found)


def _package(name: str, least: str, extra: str, *, module: str = "", needed: str = "") -> Requirement:
    absent = Availability.ABSENT if needed else Availability.BROKEN
    remedy = f"pip install '{extra}'" + (f"; {needed}" if needed else "")
    try:
        with warnings.catch_warnings():  # dm_control looks for a display on import and complains when there is none
            warnings.simplefilter("ignore")
            importlib.import_module(module or name)
    except ImportError as error:
        return Requirement(name, absent, f"cannot be imported ({error})", remedy)
    except Exception as error:  # a broken installation can raise anything on import, and the doctor must go on
        return Requirement(name, Availability.BROKEN, f"fails on import ({type(error).__name__}: {error})", remedy)
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = version(name)
    except PackageNotFoundError:
        return Requirement(name, Availability.OK, "present, without a version")
    if _numbers(found) < _numbers(least):
        return Requirement(name, absent, f"{found}, needs {least} or later", remedy)
    return Requirement(name, Availability.OK, found)


def _arithmetic() -> Requirement:
    """Whether portable arithmetic gives the bits seen elsewhere; looked at in a process of its own."""
    name, judged = "arithmetic", "none needed: results are judged by their values then, and are not EXACT"
    if reason := arithmetic.why_not():
        return Requirement(name, Availability.ABSENT, f"portable arithmetic cannot be had: {reason}", judged)
    command = [sys.executable, "-m", arithmetic.__name__]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
        report = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return Requirement(
            name, Availability.ABSENT, "portable arithmetic could not be tried", "repair torch and numpy first"
        )
    if remarks := arithmetic.remarks(report):
        return Requirement(name, Availability.ABSENT, remarks[0], judged)
    return Requirement(name, Availability.OK, f"portable: the bits seen elsewhere, with {', '.join(report['probe'])}")


def _gpu(machine: Machine) -> Requirement:
    if machine.gpu is None:
        remedy = "none needed at the embedded scale; the logged scale needs a CUDA build of torch and an NVIDIA driver"
        return Requirement("gpu", Availability.ABSENT, "no CUDA device that torch can use", remedy)
    gpu = machine.gpu
    found = f"{gpu.name}, {gpu.sm_count} SMs, {gpu.memory_bytes / 2**30:.0f} GiB, driver {gpu.driver}, CUDA {gpu.cuda}"
    return Requirement("gpu", Availability.OK, found)


def _plugins() -> Requirement:
    from rephase.plugins.registry import discover

    registry = discover()
    if registry.faults:
        problems = "; ".join(str(fault.error()) for fault in registry.faults)
        return Requirement(
            "plugins", Availability.BROKEN, problems, "rephase plugins shows each; repair or uninstall them"
        )
    parts = sorted({one.source.distribution for one in registry.offered})
    if not parts:
        remedy = "pip install rephase-mlp rephase-flow rephase-euler rephase-rk"
        return Requirement("plugins", Availability.BROKEN, "none installed", remedy)
    return Requirement("plugins", Availability.OK, f"{len(registry.offered)} parts from {', '.join(parts)}")


def _folder(runs: Path) -> Requirement:
    parent = _existing(runs)
    remedy = "give a folder on a file system with locks and renames (--runs)"
    try:
        with tempfile.TemporaryDirectory(prefix=".rephase-doctor-", dir=parent) as place:
            first, second = Path(place, "a"), Path(place, "b")
            with first.open("w") as file, first.open("a") as rival:
                file.write("x")
                file.flush()
                os.fsync(file.fileno())
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                try:
                    fcntl.flock(rival, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    pass
                else:
                    return Requirement(
                        "runs", Availability.BROKEN, f"{parent}: locks do not exclude each other", remedy
                    )
            first.replace(second)
    except OSError as error:
        return Requirement("runs", Availability.BROKEN, f"{parent}: {error.strerror or error}", remedy)
    return Requirement("runs", Availability.OK, f"{parent}: writable, with locks and atomic renames")


def _space(runs: Path) -> Requirement:
    parent = _existing(runs)
    free = shutil.disk_usage(parent).free
    found = f"{free / 2**30:.1f} GiB free in {parent}"
    if free < _LEAST_DISK:
        return Requirement(
            "disk", Availability.BROKEN, found, "make at least 2 GiB free, or give another folder (--runs)"
        )
    return Requirement("disk", Availability.OK, found)


def _container(machine: Machine) -> Requirement:
    if not machine.container:
        remedy = "none needed here; runs on a cluster go into one (rephase image build)"
        return Requirement("container", Availability.ABSENT, "not in a container", remedy)
    if not machine.image:
        remedy = "records will not say which image made them; start it with rephase submit, or set the digest yourself"
        return Requirement("container", Availability.ABSENT, "in a container whose digest nobody said", remedy)
    return Requirement("container", Availability.OK, f"in image {machine.image}")


def _tool(name: str, version: Callable[[], str], remedy: str) -> Requirement:
    try:
        return Requirement(name, Availability.OK, version())
    except RephaseError as error:
        return Requirement(name, Availability.ABSENT, error.problem, remedy)


def _runners() -> list[Requirement]:
    from rephase.plugins.runners import build_runner, discover_runners

    found = []
    for one in discover_runners().offered:
        remedy = f"needed where jobs are submitted to it; only submit --runner {one.offer.name} needs it"
        try:
            runner = build_runner(one.offer, one.offer.options())
        except RephaseError as error:
            found.append(Requirement(one.offer.name, Availability.ABSENT, error.problem, error.remedy or remedy))
        else:
            found.append(_tool(one.offer.name, runner.version, remedy))
    return found or [
        Requirement(
            "runners",
            Availability.ABSENT,
            "none installed",
            "pip install ./plugins/rephase-slurm; only submit needs it",
        )
    ]


def _existing(folder: Path) -> Path:
    folder = folder.absolute()
    while not folder.is_dir():
        folder = folder.parent
    return folder


def _numbers(version: str) -> tuple[int, ...]:
    from packaging.version import Version

    return Version(version).release
