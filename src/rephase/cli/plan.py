"""``rephase plan RECORDED``: how many seeds a rerun needs, what fewer can show, and what it costs."""

from __future__ import annotations

import argparse

from rephase.cli.judge import add_columns, range_of, side_of
from rephase.cli.rendering import emit

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "recorded", metavar="RECORDED", help="file or folder: CSV, TSV, JSON lines, Markdown; - is stdin"
    )
    parser.add_argument(
        "--shift", type=float, help="shift to be shown, in the values' unit (default: 20%% of each mean)"
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=(), metavar="N", help="ask about these numbers of seeds"
    )
    parser.add_argument("--power", type=float, default=0.8, help="probability of showing it (default: 0.8)")
    add_columns(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan a rerun.

    Returns:
        0.
    """
    from rephase.judging import plan_rerun
    from rephase.judging.foreign import rules_for

    recorded = side_of(arguments, arguments.recorded)
    rules, floor = rules_for(recorded, range_of(arguments), arguments.floor, arguments.k)
    notes = [floor, *(f"finding: {remark}" for remark in recorded.remarks if remark.is_loss)]
    plan = plan_rerun(recorded, rules, shift=arguments.shift, seeds=arguments.seeds, power=arguments.power, notes=notes)
    emit(arguments, plan.to_json(), plan.text)
    return 0
