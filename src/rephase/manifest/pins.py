"""What an input's file must be and who says so: the manifest, a lock beside it, or the lock of a neighbouring phase.

Phases of one project share their inputs' folder. What one of them pinned therefore binds the others too, and nothing
is fetched or made twice. Plain values; no input is read here.
"""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from rephase.errors import InputMismatch, RephaseError
from rephase.manifest.fetched import FetchLock, PinnedInput, fetch_lock_path, read_fetch_lock
from rephase.manifest.files import displayed
from rephase.manifest.hashing import file_digest
from rephase.manifest.phase import Phase
from rephase.manifest.reading import read_toml

__all__ = ["Pin", "pin_of", "require_pinned", "require_size"]


@frozen(kw_only=True)
class Pin:
    """What an input's file must be.

    Args:
        sha256: Its digest.
        size: Its bytes; 0 where they are not known.
        origin: Who says so, in a few words.
        revision: Commit of the hub repository; empty where the pin names none.
    """

    sha256: str
    size: int = 0
    origin: str = ""
    revision: str = ""


def pin_of(phase: Phase, name: str) -> Pin | None:
    """What the input of this name must be.

    The manifest's digest binds alone, whatever stands in a lock. A pending input is bound by the lock beside the
    manifest, else by that of another phase of the project that keeps the same file.

    Returns:
        The pin; None where nobody pinned it.

    Raises:
        UnknownName: There is no such input.
        InvalidRecord: A lock is damaged.
    """
    one = phase.input(name)
    if not one.pending:
        return Pin(sha256=one.sha256, size=one.size, origin=one.pinned_from or "manifest", revision=one.revision)
    own = read_fetch_lock(phase.file).inputs.get(name)
    if own is not None:
        return _of_lock(own, fetch_lock_path(phase.file))
    return _of_neighbours(phase, phase.path_of(name).resolve())


def require_size(path: Path, name: str, size: int, remedy: str) -> None:
    """Refuse a file of another size, which takes no time even where hashing would take minutes.

    Args:
        path: The file.
        name: The input's name.
        size: What it must have; 0 accepts any.
        remedy: What to do about it.

    Raises:
        InputMismatch: When it has another.
    """
    found = path.stat().st_size if path.is_file() else size
    if size and found != size:
        raise InputMismatch(
            f"the input {name!r} has {found:,} bytes, expected {size:,}; it was not read",
            where=displayed(path.resolve()),
            remedy=remedy,
        )


def require_pinned(path: Path, name: str, pin: Pin, remedy: str, consequence: str) -> str:
    """Refuse a file that is not what was pinned: by its size first, then by its digest.

    Args:
        path: The file.
        name: The input's name.
        pin: What it must be.
        remedy: What to do about it.
        consequence: What is not done with the file, in a few words.

    Returns:
        Its digest.

    Raises:
        InputMismatch: When it is another file.
    """
    require_size(path, name, pin.size, remedy)
    found = file_digest(path)
    if found != pin.sha256:
        raise InputMismatch(
            f"the input {name!r} is {found}, expected {pin.sha256}; {consequence}",
            where=displayed(path.resolve()),
            remedy=remedy,
        )
    return found


def _of_lock(pinned: PinnedInput, lock: Path) -> Pin:
    said = {
        "hub": "the hub's metadata at the first fetch",
        "file": "a file given by hand, never compared with the hub",
        "made": "made here" + (f" from {', '.join(sorted(pinned.made_from))}" if pinned.made_from else ""),
    }[pinned.source]
    return Pin(sha256=pinned.sha256, size=pinned.size, origin=f"{said} ({displayed(lock)})", revision=pinned.revision)


def _of_neighbours(phase: Phase, path: Path) -> Pin | None:
    for manifest in sorted(phase.file.parent.parent.glob(f"*/{phase.file.name}")):
        lock_path = fetch_lock_path(manifest)
        if manifest.parent == phase.file.parent or not lock_path.is_file():
            continue
        for name, pinned in _lock(manifest).inputs.items():
            if _path_of(manifest, name) == path:
                return _of_lock(pinned, lock_path)
    return None


def _lock(manifest: Path) -> FetchLock:
    try:
        return read_fetch_lock(manifest)
    except RephaseError:  # another phase's damage is reported by that phase's own commands
        return FetchLock()


def _path_of(manifest: Path, name: str) -> Path | None:
    try:
        written = str(read_toml(manifest, displayed(manifest))["inputs"][name]["path"])
        return (manifest.parent / written).resolve()
    except (RephaseError, KeyError, TypeError):
        return None
