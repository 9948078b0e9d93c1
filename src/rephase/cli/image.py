"""``rephase image build|verify|show``: the container image that runs on a cluster are made in."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rephase.cli.rendering import emit, tell
from rephase.errors import UsageError

__all__ = ["configure", "run"]

_DEFINITION = "containers/rephase.def"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    build = actions.add_parser("build", help="build an image and test it")
    build.add_argument("image", type=Path, nargs="?", default=Path("rephase.sif"), help="file (default: %(default)s)")
    build.add_argument("--project", type=Path, help="checkout to build from (default: here or the nearest above)")
    build.add_argument("--cuda", action="store_true", help="put in the CUDA build of torch")
    build.add_argument(
        "--build-arg", action="append", default=[], metavar="NAME=VALUE", help="argument of the definition file"
    )
    verify = actions.add_parser("verify", help="check that a file is the image that was built or pinned")
    verify.add_argument("image", type=Path)
    verify.add_argument("--digest", default="", help="sha256:... (default: what the file beside the image says)")
    verify.add_argument("--test", action="store_true", help="also run the image's own test")
    show = actions.add_parser("show", help="print digest, size, labels and definition")
    show.add_argument("image", type=Path)
    for action in (build, verify, show):
        action.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--json", action="store_true", default=False, help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0, or 1 when the image's own test fails.
    """
    if arguments.action == "build":
        return _build(arguments)
    if arguments.action == "verify":
        return _verify(arguments)
    return _show(arguments)


def _build(arguments: argparse.Namespace) -> int:
    from rephase.reproduction.phases import find_project
    from rephase.runtime.apptainer import build_image, digest_file, write_digest

    project = (arguments.project or find_project(Path.cwd())).resolve()
    given = {"source": str(project), "accelerator": "cuda" if arguments.cuda else "cpu"}
    for word in arguments.build_arg:
        name, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"{word!r} is not NAME=VALUE", where="--build-arg", remedy="write --build-arg NAME=VALUE")
        given[name] = value
    image = arguments.image.resolve()
    built = build_image(project / _DEFINITION, image, given, tell)
    write_digest(image, built.digest)
    data = {"image": str(image), "digest": built.digest, "size": built.size, "labels": dict(built.labels)}
    text = f"{image}: {built.digest}, {built.size / 2**20:.0f} MiB; digest written to {digest_file(image)}"
    emit(arguments, data, text)
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from rephase.runtime.apptainer import read_digest, self_test, verify_image

    image = arguments.image.resolve()
    digest = arguments.digest or read_digest(image)
    verify_image(image, digest)
    code = self_test(image, tell) if arguments.test else None
    data: dict[str, Any] = {"image": str(image), "digest": digest, "test": None if code is None else code == 0}
    tested = {None: "", 0: ", its own test passes"}.get(code, ", its own test FAILS")
    emit(arguments, data, f"{image}: is {digest}{tested}")
    return 0 if not code else 1


def _show(arguments: argparse.Namespace) -> int:
    from rephase.runtime.apptainer import inspect_image

    image = inspect_image(arguments.image.resolve())
    data = {
        "image": str(image.path),
        "digest": image.digest,
        "size": image.size,
        "labels": dict(image.labels),
        "definition": image.definition,
    }
    labels = "\n".join(f"  {name}: {value}" for name, value in image.labels.items())
    text = f"{image.path}\ndigest: {image.digest}\nsize: {image.size / 2**20:.0f} MiB\nlabels:\n{labels}"
    emit(arguments, data, f"{text}\ndefinition:\n{image.definition}")
    return 0
