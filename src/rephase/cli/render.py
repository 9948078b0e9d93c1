"""``rephase render RUN``: a short film of a completed run's policy in its task."""

from __future__ import annotations

import argparse
from pathlib import Path

from rephase.cli.options import add_folders, at_least, project_of, runs_of
from rephase.cli.rendering import emit

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "run", metavar="RUN", help="a completed run's folder, or its label such as baseline/walker-stand/seed-42"
    )
    add_folders(parser)
    parser.add_argument(
        "--output", type=Path, help="file to write, ending in .gif or .mp4 (default: named after the run, .gif)"
    )
    parser.add_argument(
        "--steps", type=at_least(1), default=150, help="agent steps to play, at most 500 (default: 150)"
    )
    parser.add_argument("--episode-seed", type=at_least(0), default=0, help="seed of the episode (default: 0)")
    parser.add_argument("--width", type=at_least(1), default=320, help="width of the film in pixels (default: 320)")
    parser.add_argument("--height", type=at_least(1), default=240, help="height of the film in pixels (default: 240)")


def run(arguments: argparse.Namespace) -> int:
    """Play the policy, draw it and write the film.

    Returns:
        0.
    """
    from rephase.environments import load, required_task
    from rephase.reproduction.trained import find_run, trained_policy

    rendering = load("rendering")
    record, act = trained_policy(find_run(arguments.run, runs_of(arguments)), project_of(arguments))
    output = arguments.output or Path(record.run.label.replace("/", "-") + ".gif")
    rendering.check_ending(output)
    task = required_task(record.task)
    frames, collected = rendering.film(
        task,
        act,
        seed=arguments.episode_seed,
        steps=arguments.steps,
        width=arguments.width,
        height=arguments.height,
    )
    rendering.write_film(output, frames, task.agent_step)
    data = {
        "episode_seed": arguments.episode_seed,
        "file": str(output),
        "frames": len(frames),
        "return": collected,
        "run": record.run.label,
        "steps": arguments.steps,
        "task": task.name,
    }
    length = f"{arguments.steps} agent steps ({arguments.steps * task.agent_step:g} s)"
    emit(arguments, data, f"{output}: {record.run.label} for {length}, return so far {collected:.1f}")
    return 0
