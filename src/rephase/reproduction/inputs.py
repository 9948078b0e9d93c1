"""Verifying a phase's input files before anything is loaded from them. Fetches nothing, imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rephase.errors import CannotRunHere
from rephase.manifest import Phase
from rephase.manifest.files import displayed
from rephase.manifest.hashing import file_digest
from rephase.manifest.lock import Lock
from rephase.manifest.pins import Pin, pin_of, require_pinned

__all__ = ["verify_input", "verify_inputs"]


def verify_inputs(phase: Phase, configs: Iterable[str], lock: Lock | None) -> dict[str, str]:
    """Compare every input of these configs with its pinned size and digest.

    A pending input is compared with what fetching or making it pinned, else with the lock; where neither knows it yet,
    its digest is only computed, and pinned by whoever writes the lock.

    Args:
        phase: The phase.
        configs: Names of configs.
        lock: What the phase resolved to earlier; None when nothing was run yet.

    Returns:
        The digest of each input file as it is now, by the input's name.

    Raises:
        CannotRunHere: A file is not there.
        InputMismatch: A file is not the one that was pinned.
    """
    names = dict.fromkeys(name for config in configs for name in phase.inputs_of(config))
    return {name: verify_input(phase, name, lock) for name in names}


def verify_input(phase: Phase, name: str, lock: Lock | None = None) -> str:
    """Compare one input with its pinned size and digest, as `verify_inputs` does, and return its digest."""
    one = phase.input(name)
    path = phase.path_of(name)
    fetch = f"'rephase fetch {phase.manifest.phase} --scale {phase.manifest.scale}' gets it"
    if not path.is_file():
        raise CannotRunHere(f"the input {name!r} is not there", where=_shown(path), remedy=_remedy(phase, name, fetch))
    pin = pin_of(phase, name)
    if pin is None and lock is not None and name in lock.inputs:
        pin = Pin(sha256=lock.inputs[name])
    if pin is None:
        return file_digest(path)
    restore = f"restore the file; {fetch}" if one.url or one.repo else "restore the file, for example with git"
    if one.made_by:
        restore = f"restore the file, or make it again: '{one.made_by}'"
    return require_pinned(path, name, pin, restore, "nothing was loaded from it")


def _remedy(phase: Phase, name: str, fetch: str) -> str:
    one = phase.input(name)
    if one.repo:
        return f"{fetch} from the hub repository {one.repo}, file {one.filename}, revision {one.revision}"
    if one.made_by:
        return f"'{one.made_by}' makes it"
    return fetch if one.url else "restore the file, for example with git"


def _shown(path: Path) -> str:
    return displayed(path.resolve())
