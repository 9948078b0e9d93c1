"""Site profiles: what somebody's cluster wants, written down once in a file of the user's and read strictly.

Options of a runner are read the same way, whether they come from a profile or a command line. Imports no torch.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from attrs import field, frozen

from rephase.errors import UnknownName, UsageError
from rephase.manifest.reading import read_toml, structure
from rephase.plugins import RunnerOffer

__all__ = ["Site", "Sites", "read_options", "read_sites", "sites_file"]

_VARIABLE = "REPHASE_SITES"


def _read_only(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(mapping))


@frozen(kw_only=True)
class Site:
    """One profile: what is asked for where a command line says nothing; it goes before the manifest's resources.

    Args:
        runner: Engine that jobs are handed to.
        image: Container image.
        partition: Partition, or several with commas.
        gpu: GPU type, ``any`` for whichever, empty for none.
        gpus: Number of GPUs.
        cpus: CPU cores.
        memory: Memory, such as ``450GB``.
        time: Longest time, such as ``16h``.
        account: Account to charge; empty for the user's own.
        check_partition: Partition of the check.
        throttle: How many tasks of an array may run at once.
        run_options: More arguments for ``rephase run``.
        options: Options of the runner, such as SLURM's ``qos``.
    """

    runner: str | None = None
    image: str | None = None
    partition: str | None = None
    gpu: str | None = None
    gpus: int | None = None
    cpus: int | None = None
    memory: str | None = None
    time: str | None = None
    account: str | None = None
    check_partition: str | None = None
    throttle: int | None = None
    run_options: str | None = None
    options: Mapping[str, Any] = field(factory=dict, converter=_read_only)


@frozen(kw_only=True)
class Sites:
    """The file of profiles.

    Args:
        default: The profile that is used where none is named; empty for none.
        sites: Profiles by name.
    """

    default: str = ""
    sites: Mapping[str, Site] = field(factory=dict, converter=_read_only)


def sites_file() -> Path:
    """Where profiles are: ``$REPHASE_SITES``, or ``rephase/sites.toml`` in the user's configuration."""
    if path := os.environ.get(_VARIABLE):
        return Path(path)
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return Path(home) / "rephase" / "sites.toml"


def read_sites(name: str = "") -> tuple[str, Site]:
    """Read the profile of a name, or the default one.

    Args:
        name: The profile; empty for the file's default, which may be none.

    Returns:
        Its name, empty for none, and the profile.

    Raises:
        ManifestError: The file says something it may not.
        UnknownName: It has no such profile.
        UsageError: A profile is named and there is no file.
    """
    path = sites_file()
    if not path.exists():
        if name:
            raise UsageError(
                "there is no file of site profiles", where=str(path), remedy=f"write one with a table [sites.{name}]"
            )
        return "", Site()
    sites = structure(read_toml(path), Sites, str(path))
    wanted = name or sites.default
    if not wanted:
        return "", Site()
    if wanted not in sites.sites:
        raise UnknownName("site", wanted, list(sites.sites), where=str(path))
    return wanted, sites.sites[wanted]


def read_options(offer: RunnerOffer, given: Mapping[str, Any], where: str) -> Any:
    """Read a runner's options strictly: an unknown one names the nearest that is known.

    Args:
        offer: The runner.
        given: Options by name.
        where: What messages call the place they come from.

    Returns:
        An instance of the offer's options.

    Raises:
        ManifestError: An option is unknown or of the wrong kind.
        UsageError: The runner refuses a value.
    """
    return structure(dict(given), offer.options, where)
