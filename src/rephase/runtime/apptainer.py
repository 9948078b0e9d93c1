"""Builds, inspects and tests Apptainer images; the only file that knows spython.

Command lines are made here and not by spython, whose own wrappers report a failed build as success, print twice or
ask for sudo: of it only the streaming of a command and the reading of an image's labels are used, each behind a
check of what really happened. An image is known by the sha256 of its file, never by its name. How a container is
started for a run is a runner's affair (`rephase.protocols.Runner`).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from rephase.errors import CannotRunHere, InputMismatch, UsageError
from rephase.manifest.hashing import file_digest, is_digest

__all__ = [
    "Image",
    "apptainer_version",
    "build_command",
    "build_image",
    "digest_file",
    "inspect_image",
    "read_digest",
    "require_image",
    "self_test",
    "verify_image",
    "write_digest",
]

_BUILD_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


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
    require_image(image)
    apptainer_version()
    client = _spython()
    try:
        answer: Any = client.inspect(image=str(image), quiet=True)
        attributes = answer["attributes"]
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
    require_image(image)
    found = file_digest(image)
    if found != digest:
        raise InputMismatch(
            f"is image {found}, expected {digest}",
            where=str(image),
            remedy="use the image that was pinned, or pin this one and run everything again",
        )


def digest_file(image: Path) -> Path:
    """The file beside an image that says its digest, in the format of ``sha256sum``."""
    return image.with_name(image.name + ".sha256")


def write_digest(image: Path, digest: str) -> None:
    """Write an image's digest beside it, so that ``sha256sum --check`` and `read_digest` can use it."""
    path = digest_file(image)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.partial")
    fresh.write_text(f"{digest.removeprefix('sha256:')}  {image.name}\n", encoding="utf-8")
    os.replace(fresh, path)


def read_digest(image: Path) -> str:
    """Read the digest that was written when the image was built.

    Args:
        image: The image file.

    Returns:
        The digest, ``sha256:<64 hex>``.

    Raises:
        UsageError: Nobody wrote one, or it is none.
    """
    path = digest_file(image)
    try:
        words = path.read_text(encoding="utf-8").split()
    except OSError as error:
        raise UsageError(
            f"nobody wrote down the image's digest ({error.strerror})", where=str(path), remedy="give --digest"
        ) from error
    digest = f"sha256:{words[0]}" if words else ""
    if not is_digest(digest):
        raise UsageError("holds no sha256 digest", where=str(path), remedy="give --digest")
    return digest


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
    require_image(image)
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


def require_image(image: Path) -> None:
    """Refuse a path at which there is no image file.

    Raises:
        CannotRunHere: There is none.
    """
    if not image.is_file():
        raise CannotRunHere(
            "there is no such image", where=str(image), remedy="build it with `rephase image build` or give --image"
        )


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
