"""``rephase new-plugin``: a distribution for a part of your own, ready to install and test."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from rephase.cli.rendering import emit
from rephase.plugins.scaffold import KINDS, write_plugin

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help="name of the part, such as ralston")
    parser.add_argument("--kind", choices=list(KINDS), required=True, help="what it is for")
    parser.add_argument("--into", type=Path, default=Path(), help="folder to make it in (default: here)")


def run(arguments: argparse.Namespace) -> int:
    """Write the plugin.

    Returns:
        0.
    """
    written = write_plugin(arguments.name, arguments.kind, arguments.into)
    folder = next(path.parent for path in written if path.name == "pyproject.toml")
    # pip takes a bare name for a distribution's, and a shell takes brackets for a pattern.
    place = str(folder) if folder.is_absolute() else f"./{folder}"
    lines = [f"wrote {len(written)} files in {folder}", "next:", f"  pip install '{place}[test]'"]
    lines += [f"  python -m pytest {shlex.quote(f'{folder}/tests')}", f"  rephase plugins --kind {arguments.kind}"]
    emit(arguments, {"folder": str(folder), "files": [str(path) for path in written]}, "\n".join(lines))
    return 0
