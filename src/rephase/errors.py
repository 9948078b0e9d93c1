"""Every exception a user can meet.

Each carries its data as attributes, says where it happened, what was found, what was expected and what to do next,
and knows the exit code the command line ends with. Constructing one changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

__all__ = [
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


def _made_again(kind: type[RephaseError], arguments: tuple[Any, ...], held: dict[str, Any]) -> RephaseError:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(held)
    return error
