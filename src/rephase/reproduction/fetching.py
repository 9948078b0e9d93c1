"""Getting a phase's input files: by hub revision and digest, or from files somebody has. Loads nothing from them.

A digest comes from the manifest; where that has none, from the hub's metadata, or from the file given by hand, and is
then written once to the lock beside the manifest and binds from then on, also for other phases that use the file.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from attrs import evolve, frozen

from rephase.errors import CannotRunHere, InputMismatch, UnknownName, UsageError
from rephase.manifest import Phase
from rephase.manifest.fetched import FetchLock, PinnedInput, fetch_lock_path, format_fetch_lock, read_fetch_lock
from rephase.manifest.files import displayed
from rephase.manifest.hashing import file_digest
from rephase.manifest.pins import Pin, pin_of, require_pinned
from rephase.manifest.schema import Input
from rephase.manifest.writing import write_atomically
from rephase.reproduction.hub import Hub, HubFile, HubUnreachable

__all__ = ["Fetched", "assign_files", "fetch_phase"]

_COMMIT = re.compile(r"[0-9a-f]{40}")
_BLOCK = 8 << 20


@frozen(kw_only=True)
class Fetched:
    """One input that is where the manifest wants it and is what was pinned.

    Args:
        name: Name of the input.
        path: Where it lies.
        sha256: Its digest, computed from the file as it is now; empty for a file that is still to be made.
        source: ``present`` when it was there, ``cache``, ``hub`` or ``file`` by where it came from, ``to be made`` for
            a file that is made from the others.
        pinned_now: Whether its digest was written to the lock by this fetch.
        origin: Who says that the digest is the right one; empty for a file that nobody pinned.
    """

    name: str
    path: Path
    sha256: str
    source: str
    pinned_now: bool
    origin: str = ""


def assign_files(phase: Phase, given: Sequence[str]) -> dict[str, Path]:
    """Say which input each file given by hand is.

    Args:
        phase: The phase.
        given: ``FILE`` or ``INPUT=FILE``; a plain file is recognised by its name.

    Returns:
        File by name of the input.

    Raises:
        UsageError: A file belongs to no input, or two files to one.
        UnknownName: There is no such input.
    """
    assigned: dict[str, Path] = {}
    for text in given:
        name, equals, rest = text.partition("=")
        if equals and name not in phase.manifest.inputs and not Path(text).exists():
            raise UnknownName("input", name, list(phase.manifest.inputs), where=phase.name)
        if not equals or name not in phase.manifest.inputs:
            name, rest = _recognised(phase, Path(text)), text
        if name in assigned:
            raise UsageError(f"two files are given for the input {name!r}", where="--from", remedy="give one")
        assigned[name] = Path(rest)
    return assigned


def fetch_phase(
    phase: Phase, hub: Hub, given: Mapping[str, Path], say: Callable[[str], None], *, offline: bool = False
) -> list[Fetched]:
    """Put every input of a phase where its manifest wants it, and verify it there.

    Args:
        phase: The phase.
        hub: Where pinned files come from.
        given: Files to take instead, by name of the input.
        say: Told every line worth knowing, above all when a digest is pinned.
        offline: Whether the hub must not be asked; only what it gave earlier serves.

    Returns:
        One entry an input, by name.

    Raises:
        InputMismatch: A file is not the one that was pinned; it is not put in place. The other inputs are.
        CannotRunHere: A file can be had from nowhere. The other inputs are fetched all the same.
        InvalidRecord: The lock is damaged.
    """
    found, failed = [], {}
    for name in sorted(phase.manifest.inputs):
        try:
            found.append(_Fetch(phase=phase, name=name, hub=hub, given=given.get(name), say=say, offline=offline).run())
        except (InputMismatch, CannotRunHere) as error:
            failed[name] = error
    # One file that cannot be had must not keep the others from being fetched.
    for name in list(failed)[1:]:
        say(f"{name}: {failed[name]}")
    if failed:
        raise next(iter(failed.values()))
    return found


class _Fetch:
    """Fetching one input."""

    def __init__(
        self, *, phase: Phase, name: str, hub: Hub, given: Path | None, say: Callable[[str], None], offline: bool
    ) -> None:
        self._phase, self._name, self._hub, self._given = phase, name, hub, given
        self._say, self._offline = say, offline
        self._input: Input = phase.input(name)
        self._path = phase.path_of(name)
        self._lock: FetchLock = read_fetch_lock(phase.file)
        self._pin: Pin | None = pin_of(phase, name)
        self._pinned_now = False

    def run(self) -> Fetched:
        """Get it, whatever way it can be had."""
        if self._path.is_file() and self._pin is not None:
            return self._done("present", self._require(self._path, self._pin))
        if self._given is not None:
            return self._from_file(self._given)
        if self._input.made_by:
            if self._path.is_file():
                return self._done("present", file_digest(self._path))
            self._say(f"{self._name}: not fetched but made; '{self._input.made_by}' makes it")
            return self._done("to be made", "")
        if not self._input.repo:
            raise CannotRunHere(
                f"the input {self._name!r} is not there, and no hub has it",
                where=displayed(self._path),
                remedy=f"get {self._input.url} and give it with --from FILE" if self._input.url else "restore it",
            )
        return self._from_hub()

    def _from_file(self, file: Path) -> Fetched:
        pin = self._pin
        if pin is None:
            pinned = PinnedInput(sha256=file_digest(file), source="file", size=file.stat().st_size)
            pin = Pin(sha256=pinned.sha256, size=pinned.size)
            self._write_pin(pinned, f"{displayed(file)}, not compared with the hub")
        self._require(file, pin)
        if not (self._path.exists() and self._path.samefile(file)):
            self._place(file, pin, may_link=False)
        return self._done("file", pin.sha256)

    def _from_hub(self) -> Fetched:
        one, pin = self._input, self._pin
        described = None if self._offline else self._described()
        asked = self._origin(self._asked_revision())
        if described is not None and pin is not None:
            self._require_described(described, pin, asked)
        if pin is None:
            if described is None or not described.sha256:
                raise CannotRunHere(
                    f"nobody recorded a digest of the input {self._name!r}, and the hub gives none now",
                    where=asked,
                    remedy="fetch while the hub can be reached, or give the file with --from FILE",
                )
            pin = Pin(sha256=described.sha256, size=described.size)
        revision = self._revision(described)
        if self._path.is_file():
            self._require(self._path, pin)
            how = "present"
        else:
            cached = self._hub.get(one.repo, one.repo_type, one.filename, revision, described is None)
            self._require(cached, pin)
            self._place(cached, pin, may_link=True)
            how = "cache" if described is None else "hub"
        if self._pin is None:
            pinned = PinnedInput(sha256=pin.sha256, source="hub", revision=revision, size=pin.size)
            self._write_pin(pinned, self._origin(revision))
        return self._done(how, pin.sha256)

    def _require_described(self, described: HubFile, pin: Pin, where: str) -> None:
        said = [(described.sha256, pin.sha256), (f"{described.size:,} bytes", f"{pin.size:,} bytes")]
        known = [(described.sha256, pin.sha256), (described.size, pin.size)]
        for (found, expected), (is_known, is_pinned) in zip(said, known, strict=True):
            if is_known and is_pinned and found != expected:
                raise InputMismatch(
                    f"the hub's file is {found}, expected {expected}; nothing was fetched",
                    where=where,
                    remedy="check revision and digest in the manifest and the lock",
                )

    def _described(self) -> HubFile | None:
        one = self._input
        try:
            return self._hub.describe(one.repo, one.repo_type, one.filename, self._asked_revision())
        except HubUnreachable as error:
            self._say(f"{self._name}: {error.problem}; looking among what was fetched earlier")
            return None

    def _asked_revision(self) -> str:
        """A full commit in the manifest, whatever a lock says; else the commit a lock has for this very file."""
        if _COMMIT.fullmatch(self._input.revision) or self._pin is None:
            return self._input.revision
        pinned = self._lock.inputs.get(self._name)
        locked = pinned.revision if pinned is not None and pinned.sha256 == self._pin.sha256 else ""
        return locked or self._pin.revision or self._input.revision

    def _revision(self, described: HubFile | None) -> str:
        """The full commit: asked for, or what the hub says a branch stands for now."""
        asked = self._asked_revision()
        if _COMMIT.fullmatch(asked):
            return asked
        if described is None or not _COMMIT.fullmatch(described.revision):
            raise CannotRunHere(
                f"revision {asked!r} is no full commit, and the hub does not say which commit it is",
                where=self._origin(asked),
                remedy="fetch while the hub can be reached, or give the file with --from FILE",
            )
        return described.revision

    def _require(self, path: Path, pin: Pin) -> str:
        remedy = "remove the file and fetch again, or give the right one with --from FILE"
        return require_pinned(path, self._name, pin, remedy, "it is not used")

    def _place(self, source: Path, pin: Pin, *, may_link: bool) -> None:
        """Put the file in its place, whole or not at all; a file of the cache is shared where that is possible."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}.partial")
        try:
            if not (may_link and _linked(source.resolve(), temporary)):
                _require_room(source, self._path.parent)
                with source.open("rb") as reading, temporary.open("wb") as writing:
                    shutil.copyfileobj(reading, writing, _BLOCK)
                    writing.flush()
                    os.fsync(writing.fileno())
                self._require(temporary, pin)
            temporary.replace(self._path)
        except OSError as error:
            raise CannotRunHere(
                f"cannot be written ({error.strerror})", where=displayed(self._path), remedy="fix that and fetch again"
            ) from error
        finally:
            temporary.unlink(missing_ok=True)

    def _write_pin(self, pinned: PinnedInput, source: str) -> None:
        path = fetch_lock_path(self._phase.file)
        self._lock = evolve(self._lock, inputs={**self._lock.inputs, self._name: pinned})
        write_atomically(path, format_fetch_lock(self._lock))
        self._pinned_now = True
        self._say(
            f"PINNED {self._name}: the log recorded no digest. It is {pinned.sha256} from {source}. This is now in "
            f"{displayed(path)} and binds every later fetch and run; commit that file"
        )
        self._pin = pin_of(self._phase, self._name)

    def _origin(self, revision: str) -> str:
        return f"{self._input.repo}, file {self._input.filename}, revision {revision}"

    def _done(self, source: str, digest: str) -> Fetched:
        origin = self._pin.origin if self._pin is not None else ""
        return Fetched(
            name=self._name, path=self._path, sha256=digest, source=source, pinned_now=self._pinned_now, origin=origin
        )


def _recognised(phase: Phase, file: Path) -> str:
    fits = [
        name
        for name, one in phase.manifest.inputs.items()
        if file.name in (Path(one.filename).name, Path(one.path).name)
    ]
    if len(fits) != 1:
        raise UsageError(
            f"{file.name} is the name of {'no input' if not fits else 'several inputs'} of {phase.name}",
            where="--from",
            remedy=f"write INPUT=FILE, where INPUT is one of {', '.join(sorted(phase.manifest.inputs))}",
        )
    return fits[0]


def _linked(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        return False
    return True


def _require_room(source: Path, folder: Path) -> None:
    needed, free = source.stat().st_size, shutil.disk_usage(folder).free
    if needed > free:
        raise CannotRunHere(
            f"{source.name} needs {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free",
            where=displayed(folder),
            remedy="make room and fetch again",
        )
