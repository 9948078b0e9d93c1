"""Builds, inspects and starts Apptainer images; the only file that knows spython.

Command lines are made here and not by spython, whose own wrappers report a failed build as success, print twice or
ask for sudo: of it only the streaming of a command and the reading of an image's labels are used, each behind a
check of what really happened. An image is known by the sha256 of its file, never by its name.

How a container is started: the environment is cleaned, no home folder, no user site-packages, inputs bound
read-only, outputs bound writable, and the few variables a run must know passed by name through ``APPTAINERENV_``
(``--env`` would split values with commas, such as ``CUDA_VISIBLE_DEVICES=0,1``).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from rephase.errors import CannotRunHere, InputMismatch, UsageError
from rephase.manifest.hashing import file_digest, is_digest
from rephase.runtime.machine import IMAGE_VARIABLE

__all__ = [
    "PASSED",
    "Bind",
    "Container",
    "Image",
    "apptainer_version",
    "build_command",
    "build_image",
    "container_environment",
    "inspect_image",
    "run_command",
    "self_test",
    "verify_image",
]

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
_BUILD_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


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
        _plain(self.path, "bind")

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
        _plain(self.image, "image")
        _plain(self.cwd, "folder to start in")
        if not is_digest(self.digest):
            raise UsageError(
                f"{self.digest!r} is no digest", where=str(self.image), remedy="write sha256: and 64 hex digits"
            )


@frozen
class Image:
    """What an image says about itself.

    Args:
        path: The file.
        digest: sha256 of the file.
        size: Size of the file, bytes.
        labels: Its labels.
        definition: Its definition file after substitution of the build arguments.
    """

    path: Path
    digest: str
    size: int
    labels: Mapping[str, str] = field(factory=dict)
    definition: str = ""


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


def build_command(definition: Path, image: Path, arguments: Mapping[str, str]) -> tuple[str, ...]:
    """Return the command line that builds an image.

    Args:
        definition: The definition file.
        image: Where the image goes.
        arguments: Build arguments by name, substituted in the definition.

    Returns:
        The words of the command.

    Raises:
        UsageError: An argument's name or value cannot be handed to Apptainer.
    """
    words = ["apptainer", "build", "--force"]
    for name, value in sorted(arguments.items()):
        if not _BUILD_ARGUMENT.fullmatch(name) or re.search(r"[,\x00-\x1f\x7f]", value):
            raise UsageError(
                f"build argument {name}={value!r} has a comma, a control character or a name that is none",
                remedy="write NAME=VALUE on one line without commas",
            )
        words += ["--build-arg", f"{name}={value}"]
    return (*words, str(image), str(definition))


def build_image(definition: Path, image: Path, arguments: Mapping[str, str], progress: Callable[[str], None]) -> Image:
    """Build an image; a failed build leaves an image that was there as it was.

    Args:
        definition: The definition file.
        image: Where the image goes.
        arguments: Build arguments by name.
        progress: Called with each line that the build prints.

    Returns:
        The image that was built.

    Raises:
        CannotRunHere: Apptainer or spython is missing, or the build failed.
    """
    apptainer_version()
    image.parent.mkdir(parents=True, exist_ok=True)
    # Under another name first: Apptainer's --force removes the old image before the new one has passed its test.
    fresh = image.with_name(f".{image.name}.building-{os.getpid()}")
    try:
        code = _stream(build_command(definition, fresh, arguments), progress)
        if code != 0 or not fresh.is_file():
            raise CannotRunHere(
                f"the build ended with exit code {code} and made no image",
                where=str(definition),
                remedy="read the lines above; an image that was there before is untouched",
            )
        os.replace(fresh, image)
    finally:
        fresh.unlink(missing_ok=True)
    return inspect_image(image)


def inspect_image(image: Path) -> Image:
    """Read what an image says about itself.

    Args:
        image: The image file.

    Returns:
        Digest, size, labels and definition.

    Raises:
        CannotRunHere: The file is missing or no image, or Apptainer or spython is missing.
    """
    _present(image)
    apptainer_version()
    client = _spython()
    try:
        told: Any = client.inspect(image=str(image), quiet=True)
        attributes = told["attributes"]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise CannotRunHere(
            "is not an image Apptainer can read", where=str(image), remedy="build it with `rephase image build`"
        ) from error
    labels = attributes.get("labels") or {}
    return Image(
        path=image,
        digest=file_digest(image),
        size=image.stat().st_size,
        labels={str(name): str(value) for name, value in sorted(labels.items())},
        definition=str(attributes.get("deffile") or ""),
    )


def verify_image(image: Path, digest: str) -> None:
    """Check that a file is the image that was pinned.

    Args:
        image: The image file.
        digest: The digest it must have.

    Raises:
        CannotRunHere: The file is missing.
        InputMismatch: It is another file.
    """
    _present(image)
    found = file_digest(image)
    if found != digest:
        raise InputMismatch(
            f"is image {found}, expected {digest}",
            where=str(image),
            remedy="use the image that was pinned, or pin this one and run everything again",
        )


def self_test(image: Path, progress: Callable[[str], None]) -> int:
    """Run an image's own test: `rephase doctor` and a check against reference vectors.

    Args:
        image: The image file.
        progress: Called with each line that the test prints.

    Returns:
        The exit code; 0 when it passed.

    Raises:
        CannotRunHere: The file, Apptainer or spython is missing.
    """
    _present(image)
    apptainer_version()
    return _stream(("apptainer", "test", "--cleanenv", "--no-home", "--pwd", "/", str(image)), progress)


def apptainer_version() -> str:
    """Return the version of Apptainer, by running it.

    Raises:
        CannotRunHere: It is missing or does not run.
    """
    missing = CannotRunHere(
        "Apptainer is not installed or does not run",
        where="apptainer",
        remedy="install Apptainer 1.2 or later, or load the cluster's module for it",
    )
    if shutil.which("apptainer") is None:
        raise missing
    try:
        done = subprocess.run(["apptainer", "version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise missing from error
    if done.returncode != 0:
        raise missing
    return done.stdout.strip()


def _spython() -> Any:
    try:
        from spython.main import Client
    except ImportError as error:
        raise CannotRunHere(
            "spython is not installed", where="apptainer", remedy="pip install 'rephase[cluster]'"
        ) from error
    return Client


def _stream(command: tuple[str, ...], progress: Callable[[str], None]) -> int:
    _spython()
    from spython.utils import stream_command

    try:
        for line in stream_command(list(command), output_type="both"):
            progress(line.rstrip("\n"))
    except subprocess.CalledProcessError as error:
        return int(error.returncode)
    return 0


def _present(image: Path) -> None:
    if not image.is_file():
        raise CannotRunHere(
            "there is no such image", where=str(image), remedy="build it with `rephase image build` or give --image"
        )


def _plain(path: Path, what: str) -> None:
    if not _PLAIN_PATH.fullmatch(str(path)):
        raise UsageError(
            f"{str(path)!r} cannot be a {what}: a comma, a colon or a control character, or not absolute",
            remedy="move it to a folder with a plain name",
        )
