"""``rephase derive``: a phase of your own, another phase with other parts, settings, tasks or seeds."""

from __future__ import annotations

import argparse
import shlex

from rephase.cli.options import add_phase, project_of
from rephase.cli.rendering import emit

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_phase(parser)
    parser.add_argument("name", metavar="NAME", help="name of the new phase")
    parser.add_argument(
        "--config", action="append", default=[], help="a config that is kept, may be repeated (default: all)"
    )
    parser.add_argument(
        "--plugin", action="append", default=[], metavar="DISTRIBUTION", help="a further plugin to allow, any version"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="such as policy.part=mean-flow, policy.settings.substeps=1 or algorithm.epochs=500",
    )
    parser.add_argument(
        "--unset", action="append", default=[], metavar="PATH", help="leave a value at its default again"
    )
    parser.add_argument("--task", action="append", default=[], help="a task instead of the phase's, may be repeated")
    parser.add_argument(
        "--seed", action="append", type=int, default=[], help="a seed instead of the phase's, may be repeated"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the manifest.

    Returns:
        0.
    """
    from rephase.manifest.files import displayed
    from rephase.reproduction.changes import Derivation
    from rephase.reproduction.deriving import derive, parse_change

    wanted = Derivation(
        configs=tuple(dict.fromkeys(arguments.config)),
        plugins=tuple(arguments.plugin),
        changes=dict(parse_change(text) for text in arguments.set),
        unset=tuple(arguments.unset),
        tasks=tuple(arguments.task),
        seeds=tuple(arguments.seed),
        written_by=_command(arguments),
    )
    written = derive(arguments.phase, arguments.name, arguments.scale, wanted, project_of(arguments))
    place = [arguments.name]
    place += ["--scale", arguments.scale] if arguments.scale != "embedded" else []
    place += ["--project", str(arguments.project)] if arguments.project else []
    lines = [f"wrote {displayed(written)}", "next:"]
    lines += [f"  {shlex.join(['rephase', verb, *place])}" for verb in ("run", "check")]
    emit(arguments, {"manifest": str(written), "phase": arguments.name}, "\n".join(lines))
    return 0


def _command(arguments: argparse.Namespace) -> str:
    """The command as it can be typed again in any checkout."""
    words = ["rephase", "derive", arguments.phase, arguments.name]
    words += ["--scale", arguments.scale] if arguments.scale != "embedded" else []
    for option in ("config", "plugin", "set", "unset", "task", "seed"):
        for value in getattr(arguments, option):
            words += [f"--{option}", str(value)]
    return shlex.join(words)
