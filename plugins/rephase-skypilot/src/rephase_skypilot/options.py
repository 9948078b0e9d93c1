"""What jobs ask of SkyPilot apart from resources, checked before any task is written."""

from __future__ import annotations

import re
from typing import Any

from attrs import field, frozen

__all__ = ["SkyOptions"]


def _like(pattern: str, wanted: str) -> Any:
    def check(_: Any, __: Any, value: str) -> None:
        if value and not re.fullmatch(pattern, value):
            raise ValueError(f"{value!r} is not {wanted}; write it as shown")

    return check


def _size(_: Any, __: Any, value: int) -> None:
    if value and not 20 <= value <= 65536:
        raise ValueError(f"{value} is not a size in GB from 20 to 65536; leave it out for SkyPilot's own")


@frozen(kw_only=True)
class SkyOptions:
    """What jobs ask of SkyPilot. Runs are kept in a volume or in a bucket, one of which must be named.

    Args:
        infra: Where jobs run, such as ``kubernetes``, ``k8s/my-context`` or ``aws/us-east-1``; empty for wherever
            SkyPilot finds it cheapest.
        volume: Name of a SkyPilot volume, for Kubernetes.
        bucket: Address of a bucket or a folder in one, such as ``s3://my-bucket/rephase``.
        use_spot: Whether machines may be taken away; a run goes on from its checkpoint on another one.
        disk_size: Disk of the machine, GB; 0 for SkyPilot's own.

    Raises:
        ValueError: A value is not of its pattern; what to do follows after a semicolon.
    """

    infra: str = field(
        default="", validator=_like(r"[a-z0-9]+(/[A-Za-z0-9_.@:*-]+){0,2}", "infrastructure such as k8s/my-context")
    )
    volume: str = field(default="", validator=_like(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "a volume's name"))
    bucket: str = field(
        default="",
        validator=_like(
            r"(s3|gs|r2|cos|nebius|oci)://[a-z0-9][a-z0-9._-]*(/[A-Za-z0-9._-]+)*",
            "a bucket such as s3://my-bucket/runs",
        ),
    )
    use_spot: bool = False
    disk_size: int = field(default=0, validator=_size)
