"""``rephase completion SHELL``: a script that lets a shell complete commands and options, made by shtab."""

from __future__ import annotations

import argparse

from rephase.cli.rendering import emit

__all__ = ["configure", "run"]

_SHELLS = ("bash", "zsh", "tcsh")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("shell", metavar="SHELL", choices=_SHELLS, help="one of: " + ", ".join(_SHELLS))


def run(arguments: argparse.Namespace) -> int:
    """Print the script.

    Returns:
        0.
    """
    import shtab

    from rephase.cli.main import whole_parser

    script = shtab.complete(whole_parser(), arguments.shell)
    emit(arguments, {"shell": arguments.shell, "script": script}, script)
    return 0
