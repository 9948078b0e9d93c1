"""``rephase derive``: a phase of one's own, one config of another phase with other parts or settings."""

from __future__ import annotations

import argparse

from rephase.cli.options import add_phase, project_of
from rephase.cli.rendering import emit

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_phase(parser)
    parser.add_argument("name", metavar="NAME", help="name of the new phase")
    parser.add_argument("--config", required=True, help="the config that is kept")
    parser.add_argument(
        "--plugin", action="append", default=[], metavar="DISTRIBUTION", help="a plugin to allow besides, any version"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="PATH=VALUE", help="such as policy.integrator.part=ralston"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the manifest.

    Returns:
        0.
    """
    from rephase.manifest.files import displayed
    from rephase.reproduction.deriving import derive, parse_change

    written = derive(
        arguments.phase,
        arguments.name,
        arguments.scale,
        arguments.config,
        dict.fromkeys(arguments.plugin, ">=0"),
        dict(parse_change(text) for text in arguments.set),
        project_of(arguments),
    )
    words = f"wrote {displayed(written)}\nnext: rephase run {arguments.name}, rephase check {arguments.name}"
    emit(arguments, {"manifest": str(written), "phase": arguments.name}, words)
    return 0
