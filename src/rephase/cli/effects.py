"""``rephase effects PHASE``: main effects and interaction of a factorial phase, with intervals. Needs no torch."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from rephase.cli.options import add_phase, phase_of, store_of
from rephase.cli.rendering import emit, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rephase.judging.effects import Effect

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_phase(parser)
    parser.add_argument("--recorded", action="store_true", help="recorded outcomes, also where runs are completed")


def run(arguments: argparse.Namespace) -> int:
    """Compute the effects.

    Returns:
        0, whatever is found.
    """
    from rephase.judging.effects import effects_of
    from rephase.reproduction.comparing import side_of

    phase = phase_of(arguments)
    side = side_of(phase.manifest.phase, phase, "", store_of(arguments, phase), recorded=arguments.recorded)
    effects = effects_of(phase, side.outcomes)
    data = {"effects": [effect.to_json() for effect in effects], "phase": phase.name, "source": side.source}
    emit(arguments, data, _text(f"{phase.name} ({side.source})", effects))
    return 0


def _text(heading: str, effects: Sequence[Effect]) -> str:
    rows = [
        [
            effect.block,
            effect.task,
            str(effect.factor),
            effect.change or "-",
            "-" if math.isnan(effect.estimate) else f"{effect.estimate:+.1f}",
            "-" if effect.p is None else f"{effect.low:+.1f} to {effect.high:+.1f}",
            "-" if effect.p_holm is None else f"{effect.p_holm:.3g}",
        ]
        for effect in effects
    ]
    columns = ["Block", "Task", "Factor", "Change", "Effect", "95% interval", "p (Holm)"]
    note = (
        "Points of return: the mean change over the other factor's two kinds; the interaction is what changing both\n"
    )
    return "\n\n".join([heading, table(columns, rows, numbers=(4,)), note + "adds to changing each."])
