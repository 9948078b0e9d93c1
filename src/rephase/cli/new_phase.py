"""``rephase new-phase``: a manifest for parts, tasks and inputs of your own, ready to run."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from rephase.cli.rendering import emit
from rephase.errors import UsageError

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help="name of the new phase")
    parser.add_argument("--world-model", required=True, metavar="PART", help="a world model 'rephase plugins' lists")
    parser.add_argument(
        "--policy", action="append", required=True, metavar="PART", help="a policy, may be repeated: a config each"
    )
    parser.add_argument("--world-model-integrator", default="", metavar="PART", help="for a world model that takes one")
    parser.add_argument("--policy-integrator", default="", metavar="PART", help="for a policy that takes one")
    parser.add_argument("--task", action="append", required=True, help="a task, may be repeated")
    parser.add_argument("--seed", action="append", type=int, help="a seed, may be repeated (default: 42, 123, 456)")
    parser.add_argument(
        "--input",
        action="append",
        required=True,
        metavar="NAME=FILE",
        help="world-model and start-states for a frozen model; files of other names hold episodes to train one on",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="such as policy.settings.units=[64,64] or algorithm.epochs=500",
    )
    parser.add_argument(
        "--project", type=Path, default=Path(), help="folder that holds reproductions/, made where it is missing"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the phase.

    Returns:
        0.
    """
    from rephase.manifest.files import displayed
    from rephase.reproduction.deriving import parse_change
    from rephase.reproduction.new_phase import NewPhase, write_phase

    integrators = {"world_model": arguments.world_model_integrator, "policy": arguments.policy_integrator}
    wanted = NewPhase(
        world_model=arguments.world_model,
        policies=tuple(dict.fromkeys(arguments.policy)),
        integrators={at: name for at, name in integrators.items() if name},
        tasks=tuple(arguments.task),
        seeds=tuple(arguments.seed or (42, 123, 456)),
        inputs=dict(_input(text) for text in arguments.input),
        changes=dict(parse_change(text) for text in arguments.set),
    )
    manifest, *configs = write_phase(arguments.name, wanted, arguments.project)
    place = [arguments.name, *(["--project", str(arguments.project)] if str(arguments.project) != "." else [])]
    lines = [f"wrote {displayed(manifest)} and {', '.join(map(displayed, configs))}", "next:"]
    lines += [f"  {shlex.join(['rephase', verb, *place])}" for verb in ("run", "record")]
    data = {"phase": arguments.name, "manifest": str(manifest), "configs": [str(config) for config in configs]}
    emit(arguments, data, "\n".join(lines))
    return 0


def _input(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise UsageError(
            f"{text!r} is no input", where="--input", remedy="write NAME=FILE, such as world-model=a.safetensors"
        )
    return name, Path(path)
