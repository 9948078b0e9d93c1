"""What a site wants of ``sbatch`` apart from resources, checked before any script is written.

Every value ends up in a script's ``#SBATCH`` lines, so each must match a narrow pattern, and an option that rephase
sets itself, or that would change what a job is, is refused with the way to say it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from attrs import field, frozen

__all__ = ["SlurmOptions"]

_VALUE = re.compile(r"[A-Za-z0-9_.,:=@%+/&|*()\[\]!~-]{1,256}")
_GPUS_AS = ("gres", "gpus", "gpus-per-node")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Options of ``sbatch`` that change where and how a job waits and runs, and nothing that rephase relies on.
_TAKEN = _words(
    """
    acctg-freq begin clusters comment core-spec cores-per-socket cpu-freq cpus-per-gpu deadline delay-boot distribution
    exclusive extra-node-info gpu-bind gpu-freq gpus gpus-per-node gpus-per-task gres-flags hint licenses mail-type
    mail-user mcs-label mem-bind mem-per-cpu mem-per-gpu mincpus network nice nodelist no-kill ntasks-per-node
    oversubscribe power prefer priority profile reboot sockets-per-node spread-job switches thread-spec threads-per-core
    time-min tmp tres-bind tres-per-task use-min-nodes wckey
    """
)
_SAID_OTHERWISE = {
    "account": "use --account",
    "array": "the runs left to do decide it; use --config, --task, --seed or --limit",
    "constraint": "use --constraint",
    "cpus-per-task": "use --cpus",
    "exclude": "use --exclude",
    "gres": "use --gpu and --gpus",
    "mem": "use --memory",
    "partition": "use --partition",
    "qos": "use --qos",
    "reservation": "use --reservation",
    "time": "use --time",
}
_OURS = _words(
    """
    chdir dependency error export export-file get-user-env gid hold input job-name kill-on-invalid-dep no-requeue nodes
    ntasks open-mode output parsable quiet requeue signal test-only uid wait wait-all-nodes wrap
    """
)
#: Keys that are about nodes with GPUs or many cores: the check that follows the runs needs neither.
_NOT_FOR_THE_CHECK = _words(
    """
    core-spec cores-per-socket cpus-per-gpu exclusive extra-node-info gpu-bind gpu-freq gpus gpus-per-node gpus-per-task
    gres-flags mem-bind mem-per-cpu mem-per-gpu mincpus nodelist ntasks-per-node tres-bind tres-per-task
    """
)


def _value(_: Any, __: Any, value: str) -> None:
    if value and not _VALUE.fullmatch(value):
        raise ValueError(f"{value!r} cannot stand in a job script; leave out spaces, quotes and backslashes")


def _way(_: Any, __: Any, value: str) -> None:
    if value not in _GPUS_AS:
        raise ValueError(f"{value!r} is no way to ask for GPUs; known: {', '.join(_GPUS_AS)}")


def _read_only(mapping: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(mapping))


def _known(_: Any, __: Any, given: Mapping[str, str]) -> None:
    for key, value in given.items():
        if key in _SAID_OTHERWISE or key in _OURS:
            remedy = _SAID_OTHERWISE.get(key, "leave it out: rephase sets it, and jobs rely on it")
            raise ValueError(f"{key!r} is not taken from here; {remedy}")
        if key not in _TAKEN:
            near = get_close_matches(key, sorted(_TAKEN), n=1)
            remedy = f"did you mean {near[0]!r}?" if near else "known: " + ", ".join(sorted(_TAKEN))
            raise ValueError(f"sbatch has no option {key!r} that is taken here; {remedy}")
        _value(None, None, value)


@frozen(kw_only=True)
class SlurmOptions:
    """What jobs ask of SLURM apart from resources.

    Args:
        qos: Quality of service.
        constraint: Features that nodes must have, such as ``h100|h200``.
        exclude: Nodes that are not to be used.
        reservation: Reservation to run in.
        gpus_as: How GPUs are asked for: ``gres`` (``--gres=gpu:H100:1``), ``gpus`` or ``gpus-per-node``.
        check_qos: Quality of service of the check, where it is another than the runs'.
        sbatch: More options of ``sbatch`` by name, without the dashes; an empty value for one that takes none.

    Raises:
        ValueError: A value cannot stand in a script, or an option is not one that is taken here; what to do follows
            after a semicolon.
    """

    qos: str = field(default="", validator=_value)
    constraint: str = field(default="", validator=_value)
    exclude: str = field(default="", validator=_value)
    reservation: str = field(default="", validator=_value)
    gpus_as: str = field(default="gres", validator=_way)
    check_qos: str = field(default="", validator=_value)
    sbatch: Mapping[str, str] = field(factory=dict, converter=_read_only, validator=_known)

    def directives(self, *, for_runs: bool) -> list[str]:
        """The options as ``#SBATCH`` lines say them.

        Args:
            for_runs: Whether the job has runs; the check that follows them needs no GPU node.
        """
        named = {"qos": self.qos if for_runs else self.check_qos or self.qos, "reservation": self.reservation}
        if for_runs:
            named |= {"constraint": self.constraint, "exclude": self.exclude}
        lines = [f"--{name}={value}" for name, value in named.items() if value]
        for key, value in sorted(self.sbatch.items()):
            if for_runs or key not in _NOT_FOR_THE_CHECK:
                lines.append(f"--{key}={value}" if value else f"--{key}")
        return lines
