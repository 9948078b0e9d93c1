"""Verifying a phase's input files before anything is loaded from them. Fetches nothing, imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rephase.errors import CannotRunHere, InputMismatch
from rephase.manifest import Phase
from rephase.manifest.fetched import read_fetch_lock
from rephase.manifest.files import displayed
from rephase.manifest.hashing import file_digest
from rephase.manifest.lock import Lock

__all__ = ["verify_inputs"]


def verify_inputs(phase: Phase, configs: Iterable[str], lock: Lock | None) -> dict[str, str]:
    """Compare every input of these configs with its pinned digest.

    A pending input is compared with what fetching pinned, else with the lock; where neither knows it yet, its digest
    is only computed, and pinned by whoever writes the lock.

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
    return {name: _verified(phase, name, lock) for name in names}


def _verified(phase: Phase, name: str, lock: Lock | None) -> str:
    one = phase.input(name)
    path = phase.path_of(name)
    fetch = f"'rephase fetch {phase.manifest.phase} --scale {phase.manifest.scale}' gets it"
    if not path.is_file():
        raise CannotRunHere(f"the input {name!r} is not there", where=_shown(path), remedy=_remedy(phase, name, fetch))
    digest = file_digest(path)
    pinned: str | None = one.sha256
    if one.pending:
        pinned = read_fetch_lock(phase.file).digest_of(name) or (lock.inputs.get(name) if lock else None)
    if pinned is not None and digest != pinned:
        raise InputMismatch(
            f"the input {name!r} is {digest}, expected {pinned}; nothing was loaded from it",
            where=_shown(path),
            remedy=f"restore the file; {fetch}" if one.url or one.repo else "restore the file, for example with git",
        )
    return digest


def _remedy(phase: Phase, name: str, fetch: str) -> str:
    one = phase.input(name)
    if one.repo:
        return f"{fetch} from the hub repository {one.repo}, file {one.filename}, revision {one.revision}"
    if one.made_by:
        return f"'{one.made_by}' makes it"
    return fetch if one.url else "restore the file, for example with git"


def _shown(path: Path) -> str:
    return displayed(path.resolve())
