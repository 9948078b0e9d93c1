"""Every exception a user can meet.

Each carries its data as attributes, says where it happened, what was found, what was expected and what to do next,
and knows the exit code the command line ends with. Constructing one changes nothing. `understood` is the one place that
turns what Python, the system or a stranger's code raises into one of these.
"""

from __future__ import annotations

import errno
import os
import subprocess
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

__all__ = [
    "Bug",
    "CannotRunHere",
    "CheckpointError",
    "DatasetError",
    "EnvironmentFault",
    "InputMismatch",
    "InvalidRecord",
    "ManifestError",
    "PluginError",
    "Problem",
    "RephaseError",
    "RunFailed",
    "UnknownName",
    "UsageError",
    "understood",
]


class RephaseError(Exception):
    """Base of every error that is about the user's situation and not a bug of ours.

    Args:
        problem: What was found and what was expected, one sentence without a full stop.
        where: File, key path, plugin or run the problem is at; empty when there is no better place than the command.
        remedy: What to do next, one sentence without a full stop.
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, problem: str, *, where: str = "", remedy: str = "") -> None:
        self.problem = problem
        self.where = where
        self.remedy = remedy
        super().__init__(problem, where, remedy)

    def __str__(self) -> str:
        text = f"{self.where}: {self.problem}" if self.where else self.problem
        return f"{text}; {self.remedy}" if self.remedy else text

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes by what it holds, not by arguments, which every subclass names in its own way."""
        return _made_again, (type(self), self.args, self.__dict__)


class UsageError(RephaseError):
    """The command was asked for something that cannot be meant (exit code 2)."""

    exit_code = 2


class UnknownName(UsageError):
    """A name is not among the known ones; carries the nearest known names.

    Args:
        kind: What sort of name it is, such as ``task`` or ``phase``.
        name: The name that was asked for.
        known: Every name that would have been understood.
        listing: The command that shows all of them.
        where: Where the name was written.
    """

    def __init__(self, kind: str, name: str, known: Sequence[str], *, listing: str = "", where: str = "") -> None:
        from difflib import get_close_matches

        self.kind = kind
        self.name = name
        self.known = tuple(sorted(known))
        self.near = tuple(get_close_matches(name, self.known, n=3))
        if self.near:
            remedy = "did you mean " + " or ".join(repr(near) for near in self.near) + "?"
        else:
            remedy = "known: " + (", ".join(self.known) or "none")
        if listing:
            remedy += f" ({listing} shows all)"
        super().__init__(f"unknown {kind} {name!r}", where=where, remedy=remedy)


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a file: where in it, what, and what to do."""

    path: str
    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.path}: {self.problem}" if self.path else self.problem
        return f"{text}; {self.remedy}" if self.remedy else text


class ManifestError(UsageError):
    """A hand-written file says something it may not; carries all of its problems at once (exit code 2)."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        self.file = file
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems), where=file)

    def __str__(self) -> str:
        return "\n".join(f"{self.file}: {problem}" for problem in self.problems)


class PluginError(UsageError):
    """A plugin cannot be used as it is: broken, misspelt, colliding or missing (exit code 2)."""


class InputMismatch(RephaseError):
    """A file is missing or is not the one that was pinned; nothing of it was used (exit code 3)."""


class CheckpointError(RephaseError):
    """A checkpoint does not hold what its part needs (exit code 3)."""


class DatasetError(RephaseError):
    """A dataset file is truncated, misshapen or of the wrong tasks; nothing half-written is kept (exit code 3)."""


class EnvironmentFault(RephaseError):
    """A task was driven with something it cannot take, such as NaN actions (exit code 3)."""


class CannotRunHere(RephaseError):
    """This machine lacks what the work needs: a GPU, a package, an image, a checkpoint (exit code 3)."""


class RunFailed(RephaseError):
    """A run ended FAILED; carries the epoch and the quantity that ended it (exit code 3).

    Args:
        problem: What happened.
        epoch: Epoch at which it happened, 0-based; None when it happened outside training.
        quantity: What was looked at, such as ``actor gradient norm``.
        where: The run.
        remedy: What to do next.
    """

    def __init__(
        self, problem: str, *, epoch: int | None = None, quantity: str = "", where: str = "", remedy: str = ""
    ) -> None:
        self.epoch = epoch
        self.quantity = quantity
        super().__init__(problem, where=where, remedy=remedy)


class InvalidRecord(RephaseError):
    """A record is not one this version wrote, or was changed after it was written (exit code 5)."""

    exit_code = 5


class Bug(RephaseError):
    """Something nobody foresaw: a mistake of ours or of a plugin, never the user's (exit code 70).

    Args:
        problem: What was raised, and where.
        trace: The whole traceback, for whoever fixes it.
        where: Where it happened, when that is known better than by the traceback.
        remedy: What to do next.
    """

    exit_code = 70

    def __init__(self, problem: str, *, trace: str = "", where: str = "", remedy: str = "") -> None:
        self.trace = trace
        super().__init__(problem, where=where, remedy=remedy)


def understood(error: BaseException) -> RephaseError:
    """Say what an exception means for a user.

    Args:
        error: Anything that was raised.

    Returns:
        The error itself if it is one of ours; `CannotRunHere` for what the system, the memory, the locale or a
        stranger's code did; a `Bug` for everything else.
    """
    if isinstance(error, RephaseError):
        return error
    if isinstance(error, OSError):
        return _of_system(error)
    if isinstance(error, MemoryError) or _lacks_memory(error):
        return CannotRunHere(
            f"there is not enough memory ({_one_line(error)})", remedy="give it more memory, or fewer runs at a time"
        )
    if isinstance(error, SystemExit):
        words = "no message" if error.code is None else f"{error.code!r}"
        return CannotRunHere(
            f"foreign code ended the program by sys.exit ({words})",
            where=_last_place(error),
            remedy="fix or remove the plugin or package it is part of",
        )
    if isinstance(error, RecursionError):
        return UsageError("something is nested too deeply to be read", where=_last_place(error), remedy="flatten it")
    if isinstance(error, UnicodeEncodeError):
        return CannotRunHere(
            f"{error.object[error.start : error.end]!a} cannot be written in {error.encoding}",
            remedy="take it out, or use a locale that knows it such as LC_ALL=C.UTF-8",
        )
    if isinstance(error, RuntimeError) and str(error) == _HOMELESS:
        return CannotRunHere(
            "this user has no home folder", remedy="say where it is to be, such as HOME=/scratch/somebody"
        )
    if isinstance(error, subprocess.SubprocessError):
        return CannotRunHere(_one_line(error), remedy="run that command by hand to see what it says")
    if isinstance(error, ImportError) and not (error.name or "").startswith("rephase."):
        return CannotRunHere(_one_line(error), remedy="install it, or fix its installation")
    place = _last_place(error)
    found = f"{type(error).__name__}: {_one_line(error)}" + (f" at {place}" if place else "")
    return Bug(found, trace="".join(traceback.format_exception(error)))


_HOMELESS = "Could not determine home directory."
"""What Python says of ``~`` where neither $HOME nor the password file knows the user."""
_NO_ROOM = "make room and give the same command again; what was finished is kept"
_NOT_WRITABLE = "use a folder you may write to, such as --runs FOLDER"
_NO_LOCKS = "keep runs on a file system with locks (--runs FOLDER), or have it mounted with them"
_FAULTY = "try again; if it stays, the disk or the network file system is at fault"
_REMEDIES = {
    errno.ENOSPC: _NO_ROOM,
    errno.EDQUOT: _NO_ROOM,
    errno.EFBIG: _NO_ROOM,
    errno.EROFS: _NOT_WRITABLE,
    errno.EACCES: _NOT_WRITABLE,
    errno.EPERM: _NOT_WRITABLE,
    errno.ENOTDIR: "name a folder",
    errno.EISDIR: "name a file",
    errno.ENOENT: "check the path",
    errno.ENAMETOOLONG: "choose shorter names",
    errno.ENOLCK: _NO_LOCKS,
    errno.ENOSYS: _NO_LOCKS,
    errno.EOPNOTSUPP: _NO_LOCKS,
    524: _NO_LOCKS,  # ENOTSUPP, which Linux's network file systems answer with and Python has no name for
    errno.EIO: _FAULTY,
    errno.ESTALE: _FAULTY,
    errno.ETIMEDOUT: _FAULTY,
    errno.EMFILE: "allow more open files (ulimit -n), or give a smaller --jobs",
    errno.ENFILE: "close something, or try on another machine",
    errno.ENOMEM: "give it more memory, or fewer runs at a time",
    errno.EAGAIN: "allow more processes (ulimit -u), or give a smaller --jobs",
}


def _of_system(error: OSError) -> CannotRunHere:
    place = error.filename if error.filename is not None else ""
    words = error.strerror or _one_line(error)
    remedy = _REMEDIES.get(error.errno or 0, "fix that and give the same command again")
    return CannotRunHere(words, where=os.fsdecode(place) if isinstance(place, (str, bytes)) else "", remedy=remedy)


def _lacks_memory(error: BaseException) -> bool:
    """Whether it is torch that has no memory: it says so by a class of its own or in words, as it is on GPU or CPU."""
    return type(error).__name__ == "OutOfMemoryError" or (
        isinstance(error, RuntimeError) and ("DefaultCPUAllocator" in str(error) or "out of memory" in str(error))
    )


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or "no message"


def _last_place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def _made_again(kind: type[RephaseError], arguments: tuple[Any, ...], held: dict[str, Any]) -> RephaseError:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(held)
    return error
