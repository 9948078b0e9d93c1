"""``rephase badge PHASE``: which conditions of ACM's artifact badges the bundle meets and misses."""

from __future__ import annotations

import argparse

from rephase.cli.options import add_phase, phase_of, project_of, store_of
from rephase.cli.rendering import emit, table

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_phase(parser)


def run(arguments: argparse.Namespace) -> int:
    """List the conditions.

    Returns:
        0: a missed condition is an answer and no failure.
    """
    from rephase.report.badges import badge_conditions, badges_met

    phase = phase_of(arguments)
    conditions = badge_conditions(project_of(arguments), store_of(arguments, phase))
    badges = badges_met(conditions)
    data = {
        "badges": dict(badges),
        "conditions": [condition.to_json() for condition in conditions],
        "phase": phase.manifest.phase,
        "scale": str(phase.manifest.scale),
    }
    blocks = []
    for badge, is_met in badges.items():
        rows = [
            ["met" if one.is_met else "missed", one.name, one.evidence + (f" ({one.remedy})" if one.remedy else "")]
            for one in conditions
            if one.badge == badge
        ]
        blocks.append(f"{badge}: {'conditions met' if is_met else 'missed'}\n{table(['', 'Condition', 'Seen'], rows)}")
    blocks.append("Badges are awarded by reviewers, not by a program: this lists what they will look for.")
    emit(arguments, data, "\n\n".join(blocks))
    return 0
