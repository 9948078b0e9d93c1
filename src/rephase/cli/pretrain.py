"""``rephase pretrain``: a world model and start states for a task that no shipped model knows, and a phase of it."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from rephase.cli.options import at_least, computes_with
from rephase.cli.rendering import emit, tell

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help="name of the new phase")
    parser.add_argument(
        "--task", action="append", required=True, help="a task that 'rephase tasks' lists, may be repeated"
    )
    parser.add_argument(
        "--seed", action="append", type=int, help="a seed of the phase, may be repeated (default: 42, 123, 456)"
    )
    parser.add_argument("--world-model", default="mlp", metavar="PART", help="the world model (default: mlp, small)")
    parser.add_argument(
        "--policy",
        action="append",
        metavar="PART",
        help="a policy, may be repeated: a config each (default: gaussian-mlp)",
    )
    parser.add_argument("--world-model-integrator", default="", metavar="PART", help="for a world model that takes one")
    parser.add_argument("--policy-integrator", default="", metavar="PART", help="for a policy that takes one")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="such as world_model.settings.latent_size=256 or algorithm.epochs=500",
    )
    parser.add_argument(
        "--schedule", action="append", default=[], metavar="KEY=VALUE", help="how much is done, such as rounds=24"
    )
    parser.add_argument(
        "--threads",
        type=at_least(1),
        default=0,
        help="threads of one operation, more than 1 with native arithmetic (default: 1, with portable arithmetic)",
    )
    parser.add_argument(
        "--project", type=Path, default=Path(), help="folder that holds reproductions/, made where it is missing"
    )
    parser.add_argument("--work", type=Path, help="folder of unfinished work (default: runs/pretrain-NAME)")


def run(arguments: argparse.Namespace) -> int:
    """Make the files and the phase.

    Returns:
        0.
    """
    from rephase.manifest.files import displayed
    from rephase.manifest.reading import structure
    from rephase.manifest.schema import Arithmetic
    from rephase.reproduction.deriving import parse_change
    from rephase.reproduction.new_phase import NewPhase
    from rephase.reproduction.pretraining.making import pretrain
    from rephase.reproduction.pretraining.schedule import PretrainSchedule

    computes_with(arguments, Arithmetic.PORTABLE if arguments.threads <= 1 else Arithmetic.NATIVE, "cpu")
    integrators = {"world_model": arguments.world_model_integrator, "policy": arguments.policy_integrator}
    schedule = structure(dict(parse_change(text) for text in arguments.schedule), PretrainSchedule, "--schedule")
    wanted = NewPhase(
        world_model=arguments.world_model,
        policies=tuple(dict.fromkeys(arguments.policy or ("gaussian-mlp",))),
        integrators={at: name for at, name in integrators.items() if name},
        tasks=tuple(dict.fromkeys(arguments.task)),
        seeds=tuple(arguments.seed or (42, 123, 456)),
        inputs={},
        changes=dict(parse_change(text) for text in arguments.set),
    )
    # Where the user stands: a project may be the package of a plugin, which is no place for what is thrown away.
    work = arguments.work or Path("runs") / f"pretrain-{arguments.name}"
    made = pretrain(arguments.name, wanted, schedule, arguments.project, work, tell, arguments.threads)
    place = [arguments.name, *(["--project", str(arguments.project)] if str(arguments.project) != "." else [])]
    lines = [f"wrote {', '.join(map(displayed, made.files))}", f"unfinished work may go: {displayed(work)}", "next:"]
    lines.append(f"  {shlex.join(['rephase', 'run', *place])}")
    data = {"phase": arguments.name, "files": [str(path) for path in made.files], "rounds": list(made.rounds)}
    emit(arguments, data, "\n".join(lines))
    return 0
