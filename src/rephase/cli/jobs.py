"""Arguments that say what a site wants of a runner, and how they come together with a profile's."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Mapping
from typing import Any

from rephase.errors import UsageError

__all__ = ["add_jobs", "options_of"]

_NAMED = (
    ("qos", "SLURM's quality of service"),
    ("constraint", "features that SLURM's nodes must have, such as 'h100|h200'"),
    ("exclude", "SLURM's nodes that are not to be used"),
    ("reservation", "SLURM's reservation to run in"),
)


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """Declare the options of runners."""
    for name, text in _NAMED:
        parser.add_argument(f"--{name}", help=f"{text} (default: the site's)")
    parser.add_argument(
        "--sbatch",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="one more option of sbatch, such as mail-type=END or exclusive; may be given again",
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of the runner, such as gpus_as=gpus; may be given again",
    )


def options_of(arguments: argparse.Namespace, profile: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a runner as plain values: the profile's, replaced by what the command line says.

    Args:
        arguments: The parsed arguments.
        profile: Options of the site's profile.

    Raises:
        UsageError: An argument is not KEY=VALUE.
    """
    found = {key: dict(value) if isinstance(value, Mapping) else value for key, value in profile.items()}
    found |= {name: value for name, _ in _NAMED if (value := getattr(arguments, name)) is not None}
    for word in arguments.option:
        key, value = _parted(word, "--option")
        if value is None:
            raise UsageError(f"{word!r} is not KEY=VALUE", where="--option", remedy="write it as shown")
        found[key] = _plain(value)
    if arguments.sbatch:
        more = dict(found.get("sbatch", {}))
        more |= {key: value or "" for key, value in (_parted(word, "--sbatch") for word in arguments.sbatch)}
        found["sbatch"] = more
    return found


def _parted(word: str, where: str) -> tuple[str, str | None]:
    key, equals, value = word.partition("=")
    key = key.lstrip("-")
    if not key:
        raise UsageError(f"{word!r} is not KEY=VALUE", where=where, remedy="write it as shown")
    return key, value if equals else None


def _plain(text: str) -> Any:
    """A value as TOML would read it, such as ``true`` or ``256``; any other text is taken as it is."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
