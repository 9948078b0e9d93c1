"""How a container is started, as words of a command; nothing is started here and spython is not needed.

The environment is cleaned, no home folder, no user site-packages, inputs bound read-only, outputs bound writable,
and the few variables a run must know are passed by name through ``APPTAINERENV_`` (``--env`` would split values with
commas, such as ``CUDA_VISIBLE_DEVICES=0,1``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from attrs import frozen

from rephase.errors import UsageError
from rephase.manifest.hashing import is_digest
from rephase.runtime.machine import IMAGE_VARIABLE

__all__ = ["FIXED", "PASSED", "Bind", "Container", "container_environment", "run_command"]

#: Variables of the host a run is told about, when they are set.
PASSED = (
    "CUDA_VISIBLE_DEVICES",
    "SLURM_JOB_ID",
    "SLURM_ARRAY_JOB_ID",
    "SLURM_ARRAY_TASK_ID",
    "SLURM_JOB_PARTITION",
    "SLURMD_NODENAME",
    "SLURM_RESTART_COUNT",
    "SLURM_CPUS_PER_TASK",
)

#: Variables every container gets, whatever the host says.
FIXED: Mapping[str, str] = {"PYTHONNOUSERSITE": "1", "PYTHONUNBUFFERED": "1"}

_PLAIN_PATH = re.compile(r"/[^,:\x00-\x1f\x7f]*")


@frozen
class Bind:
    """A folder of the host that a container sees at the same path.

    Args:
        path: Absolute path of the folder.
        writable: Whether the container may write there.

    Raises:
        UsageError: The path is relative or holds a comma, a colon or a control character.
    """

    path: Path
    writable: bool = False

    def __attrs_post_init__(self) -> None:
        _plain(self.path, "a bind")

    @property
    def text(self) -> str:
        """The bind as Apptainer reads it."""
        return f"{self.path}:{self.path}:{'rw' if self.writable else 'ro'}"


@frozen
class Container:
    """An image and what it may see of the host.

    Args:
        image: Absolute path of the image file.
        digest: Its sha256, ``sha256:<64 hex>``.
        binds: Folders of the host.
        cwd: Folder inside the container that commands start in.
    """

    image: Path
    digest: str
    binds: tuple[Bind, ...] = ()
    cwd: Path = Path("/")

    def __attrs_post_init__(self) -> None:
        _plain(self.image, "an image")
        _plain(self.cwd, "a folder to start in")
        if not is_digest(self.digest):
            raise UsageError(
                f"{self.digest!r} is no digest", where=str(self.image), remedy="write sha256: and 64 hex digits"
            )


def run_command(container: Container, arguments: Iterable[str], *, gpu: bool = False) -> tuple[str, ...]:
    """Return the command line that runs ``rephase ARGUMENTS`` in a container.

    Args:
        container: Image and binds.
        arguments: Arguments of ``rephase``.
        gpu: Whether to hand in the NVIDIA driver. Apptainer is silent when there is none, so ask only where one is.

    Returns:
        The words of the command; to be started with `container_environment`.
    """
    binds = [word for bind in container.binds for word in ("--bind", bind.text)]
    return (
        "apptainer",
        "run",
        *(("--nv",) if gpu else ()),
        "--cleanenv",
        "--no-home",
        "--no-mount",
        "cwd",
        "--pwd",
        str(container.cwd),
        *binds,
        str(container.image),
        *arguments,
    )


def container_environment(container: Container, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment to start `run_command` in.

    Args:
        container: The container.
        environ: Environment of the host.

    Returns:
        The host's environment with what the container is told added; everything else is cleaned away inside.
    """
    told = dict(FIXED) | {IMAGE_VARIABLE: container.digest}
    told |= {name: environ[name] for name in PASSED if name in environ}
    return dict(environ) | {f"APPTAINERENV_{name}": value for name, value in told.items()}


def _plain(path: Path, what: str) -> None:
    if not _PLAIN_PATH.fullmatch(str(path)):
        raise UsageError(
            f"{str(path)!r} cannot be the path of {what}: a comma, a colon or a control character, or not absolute",
            remedy="move it to a folder with a plain name",
        )
