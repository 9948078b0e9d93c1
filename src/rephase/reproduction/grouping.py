"""Which runs of a config are trained together as one program.

In a frozen world model all of them are that have seeds of one block: the seeds of the manifest are one, those of the
extension another, those of the reference execution further ones of the same size. Where each run trains a world model
of its own, what they share on a CPU is the cost of asking for an operation, and a few runs are enough to spread it;
groups of a few can be worked on by several cores. The groups depend on the runs alone, never on how many cores there
are, so that the rounding, and with it every digest of a run's way, is the same on all machines of a kind.
"""

from __future__ import annotations

from collections.abc import Sequence

from rephase.manifest import Phase, Run

__all__ = ["LARGEST_GROUP", "groups_of", "whole_group"]

LARGEST_GROUP = 5
"""Most runs with world models of their own that one process of a CPU trains together."""


def groups_of(phase: Phase, runs: Sequence[Run], device: str) -> list[tuple[Run, ...]]:
    """The groups that runs are trained in, config by config.

    Args:
        phase: Their phase.
        runs: The runs that are not done yet.
        device: Where they are computed.

    Returns:
        Of each group that the manifest means, those that are among ``runs``; groups without any are left out.
    """
    wanted = set(runs)
    named = dict.fromkeys(run.config for run in runs)
    groups = [group for config in named for group in _declared(phase, config, device)]
    found = [tuple(run for run in group if run in wanted) for group in groups]
    return [group for group in found if group]


def whole_group(phase: Phase, run: Run, device: str) -> tuple[Run, ...]:
    """The group that the manifest means a run to be trained in, the run included."""
    return next(group for group in _declared(phase, run.config, device) if run in group)


def _declared(phase: Phase, config: str, device: str) -> list[tuple[Run, ...]]:
    """A config's groups, block of seeds by block; those of a block differ by one run at most."""
    known = [run for run in phase.runs(reference=True) if run.config == config]
    groups: list[tuple[Run, ...]] = []
    for block in phase.seed_blocks(reference=True):
        groups += _divided(phase, config, tuple(run for run in known if run.seed in block), device)
    return groups


def _divided(phase: Phase, config: str, runs: tuple[Run, ...], device: str) -> list[tuple[Run, ...]]:
    """Runs of one config and block of seeds in groups of about equal size."""
    count = 1
    if device == "cpu" and phase.algorithm(config).finetune_world_model:
        count = -(-len(runs) // LARGEST_GROUP)
    size, larger = divmod(len(runs), count)
    groups = []
    at = 0
    for index in range(count):
        until = at + size + (index < larger)
        groups.append(runs[at:until])
        at = until
    return groups
