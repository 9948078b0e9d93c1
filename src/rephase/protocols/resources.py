"""What one job asks for, checked before any engine sees it.

Every value ends up in a script, so each must match a narrow pattern: nothing from a manifest or a command line can
carry a space, a quote or a line break into it. Whether there is such a partition or GPU is for the engine to say
(`rephase.protocols.Runner.refusal`).
"""

from __future__ import annotations

import re
from typing import Any

from attrs import asdict, evolve, fields, frozen

from rephase.errors import UsageError

__all__ = ["ANY_GPU", "JobRequest", "overridden"]

#: The GPU type that stands for whichever the engine gives.
ANY_GPU = "any"

_PATTERNS = {
    "partition": (
        r"([A-Za-z0-9][A-Za-z0-9_.-]{0,63}(,[A-Za-z0-9][A-Za-z0-9_.-]{0,63}){0,15})?",
        "a partition name such as ice-gpu, or a list such as ice-gpu,coc-gpu",
    ),
    "gpu": (r"([A-Za-z0-9][A-Za-z0-9_.-]{0,63})?", "a GPU type such as H100, any, or nothing"),
    "memory": (r"[1-9][0-9]{0,6}[MGT]B?", "memory such as 450GB"),
    "account": (r"([A-Za-z0-9][A-Za-z0-9_.-]{0,63})?", "an account name such as coc, or nothing"),
}
_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


@frozen(kw_only=True)
class JobRequest:
    """What one job asks for.

    Args:
        partition: Partition of the queue, or several with commas; empty where the engine has none.
        gpu: GPU type, case sensitive as in the cluster's own configuration; ``any`` for whichever, empty for a job
            without a GPU.
        gpus: Number of such GPUs.
        cpus: CPU cores.
        memory: Memory of the node, a number with M, G or T and an optional B.
        time: Longest time it may take: ``16h``, ``90m``, ``HH:MM:SS`` or ``D-HH:MM:SS``.
        account: Account that is charged; empty for the user's default.

    Raises:
        UsageError: A value is not of its pattern.
    """

    partition: str
    gpu: str
    gpus: int
    cpus: int
    memory: str
    time: str
    account: str

    def __attrs_post_init__(self) -> None:
        for name, (pattern, wanted) in _PATTERNS.items():
            value = getattr(self, name)
            if not isinstance(value, str) or not re.fullmatch(pattern, value):
                raise UsageError(f"{value!r} is not {wanted}", where=f"resources.{name}", remedy="write it as shown")
        for name, least, most in (("gpus", 1, 64), ("cpus", 1, 1024)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise UsageError(
                    f"{value!r} is not a whole number from {least} to {most}",
                    where=f"resources.{name}",
                    remedy="write a number in that range",
                )
        _seconds(self.time)

    @property
    def seconds(self) -> int:
        """The longest time in seconds."""
        return _seconds(self.time)

    @property
    def clock(self) -> str:
        """The longest time as SLURM reads it: ``[D-]HH:MM:SS``."""
        days, rest = divmod(self.seconds, 86400)
        text = f"{rest // 3600:02d}:{rest % 3600 // 60:02d}:{rest % 60:02d}"
        return f"{days}-{text}" if days else text

    @property
    def megabytes(self) -> int:
        """The memory in MB."""
        unit = self.memory.rstrip("B")[-1]
        return int(self.memory.rstrip("B")[:-1]) * {"M": 1, "G": 1000, "T": 1000000}[unit]

    def as_plain(self) -> dict[str, Any]:
        """Return the values as a dictionary, for a submission's record."""
        return asdict(self)


def overridden(resources: JobRequest, **changes: str | int | None) -> JobRequest:
    """Replace what is given and keep the rest.

    Args:
        resources: What the manifest asks for.
        changes: Values by field name; None keeps the manifest's.

    Returns:
        The resources to ask for.

    Raises:
        UsageError: A value is not of its pattern, or no field has that name.
    """
    known = {attribute.name for attribute in fields(JobRequest)}
    unknown = sorted(set(changes) - known)
    if unknown:
        raise UsageError(f"no resource is called {unknown[0]!r}", remedy="known: " + ", ".join(sorted(known)))
    given: dict[str, Any] = {name: value for name, value in changes.items() if value is not None}
    return evolve(resources, **given)


def _seconds(time: str) -> int:
    wrong = UsageError(
        f"{time!r} is not a time such as 16h, 90m, 16:00:00 or 1-00:00:00",
        where="resources.time",
        remedy="write a time of at least one minute and at most 30 days",
    )
    if not isinstance(time, str):
        raise wrong
    if short := re.fullmatch(r"([1-9][0-9]{0,6})([dhms])", time):
        seconds = int(short[1]) * _UNITS[short[2]]
    elif clock := re.fullmatch(r"(?:([0-9]{1,2})-)?([0-9]{1,3}):([0-5][0-9]):([0-5][0-9])", time):
        days, hours, minutes, rest = (int(part or 0) for part in clock.groups())
        seconds = days * 86400 + hours * 3600 + minutes * 60 + rest
    else:
        raise wrong
    if not 60 <= seconds <= 30 * 86400:
        raise wrong
    return seconds
