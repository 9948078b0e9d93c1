"""The page of results: what is recorded of every phase at the embedded scale, with intervals and comparisons.

Made from recorded outcomes alone: `nox -s pages` writes it, a test compares it. Nothing here decides what is better;
the comparisons are those of `rephase compare` and `rephase effects`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scipy.stats import t as student

from rephase.judging.effects import effects_of
from rephase.judging.samples import Sample, sample
from rephase.manifest import Phase
from rephase.manifest.outcomes import RecordedOutcomes
from rephase.report.pictures import captions, pictures
from rephase.reproduction.checking import recorded_outcomes
from rephase.reproduction.comparing import ComparedSide, compare
from rephase.reproduction.phases import open_phase, own_phases

__all__ = ["PAGE", "page", "recorded_phases", "write"]

PAGE = "docs/explanation/results.md"
"""Where the page lies in a checkout; its pictures lie in the folder ``results`` beside it."""

_COMPARED = (
    ("phase3:baseline", "phase3:flowpolicy"),
    ("phase3", "phase3-as-logged"),
    ("phase3-variants:corrected", "phase3-variants:keep-td-targets"),
    ("phase3-variants:corrected", "phase3-variants:keep-bootstrap"),
    ("phase3-variants:corrected", "phase3-variants:keep-mask-actions"),
    ("phase3-variants:corrected", "phase3-variants:as-logged"),
    ("phase4", "phase4-corrected"),
    ("phase4-latents:velocity-unit", "phase4-latents:neither"),
    ("phase4-latents:velocity-unit", "phase4-latents:angles"),
    ("phase4-latents:velocity-unit", "phase4-latents:euler"),
    ("phase5:euler-fast", "phase5:high-precision-wm"),
    ("phase5:euler-fast", "phase5:high-precision-policy"),
    ("phase5-corrected:standard", "phase5-corrected:high-precision-wm"),
    ("phase5-corrected:standard", "phase5-corrected:high-precision-policy"),
    ("phase5-corrected:standard", "phase5-corrected:euler-fast"),
)
_FACTORIALS = ("factorial",)
_COST = "Seconds are of one processor core, those of runs trained together shared alike."
_HEAD = """# Results at the embedded scale

Written by `nox -s pages` from the recorded outcomes in `reproductions/`; a test holds it to them. Means of returns, of
1,000 at most, with sample standard deviations and 95% intervals (Student's t) over seeds. They are of this scale's
small world models and say nothing of the log's.
"""


def recorded_phases(project: Path) -> dict[str, tuple[Phase, RecordedOutcomes]]:
    """Every embedded phase with outcomes of its own, by name, in order.

    Args:
        project: Folder that holds ``reproductions``.
    """
    found = {}
    for name, scales in own_phases(project).items():
        if "embedded" in scales:
            phase = open_phase(name, "embedded", project)
            if phase.manifest.recorded and phase.record_file.is_file():
                recorded = recorded_outcomes(phase)
                if recorded.phase == phase.manifest.phase:
                    found[name] = phase, recorded
    return found


def page(project: Path) -> str:
    """The page as Markdown.

    Args:
        project: Folder that holds ``reproductions``.
    """
    known = recorded_phases(project)
    blocks = [_HEAD, *(_section(name, phase, recorded) for name, (phase, recorded) in known.items())]
    blocks += ["## Compared\n", _comparisons(known)]
    blocks += [_effects(name, *known[name]) for name in _FACTORIALS if name in known]
    return "\n".join(blocks)


def write(project: Path) -> None:
    """Write the page and its pictures into a checkout.

    Args:
        project: Folder of the checkout.
    """
    target = project / PAGE
    target.write_text(page(project), encoding="utf-8")
    target.with_suffix("").mkdir(exist_ok=True)
    for phase, recorded in recorded_phases(project).values():
        for name, drawn in pictures(phase, recorded).items():
            (target.with_suffix("") / f"{name}.svg").write_text(drawn, encoding="utf-8")


def _section(name: str, phase: Phase, recorded: RecordedOutcomes) -> str:
    lines = [f"## {name}\n", f"{phase.manifest.title}. {phase.manifest.question}\n"]
    lines += [f"![{words}](results/{one}.svg)\n" for one, words in captions(recorded).items()]
    lines += ["| config | task | runs | mean | SD | 95% interval | lowest, highest |", "|---|---|---|---|---|---|---|"]
    for config in phase.configs:
        title = phase.manifest.configs[config].title or config
        for task in phase.manifest.tasks:
            values = _values(recorded, config, task)
            found = sample(values)
            ends = f"{min(values):.1f}, {max(values):.1f}" if values else "-"
            lines.append(
                f"| {title} | {task} | {found.count} | {_number(found.mean)} | {_number(found.sd)} "
                f"| {_interval(found)} | {ends} |"
            )
    return "\n".join([*lines, *_promises(phase, recorded)]) + "\n"


def _promises(phase: Phase, recorded: RecordedOutcomes) -> list[str]:
    """A table of what models promised and updates cost beside what was got; nothing where neither is recorded."""
    lines = []
    for config in phase.configs:
        for task in phase.manifest.tasks:
            cell = [one for one in recorded.judged if (one.config, one.task) == (config, task)]
            promised = [one for one in cell if one.predicted_return is not None]
            costs = [one.update_seconds for one in cell if one.update_seconds is not None]
            if promised or costs:
                mean = _number(sample([one.predicted_return or 0.0 for one in promised]).mean)
                ratios = sorted((one.predicted_return or 0.0) / one.reward for one in promised if one.reward > 0)
                ends = f"{ratios[0]:.2f} to {ratios[-1]:.2f}" if ratios else "-"
                got = _number(sample([one.reward for one in cell]).mean)
                cost = _number(sample(costs).mean, ".3f")
                title = phase.manifest.configs[config].title or config
                lines.append(f"| {title} | {task} | {got} | {mean} | {ends} | {cost} |")
    head = "| config | task | return | promised by the runs' own models | promised / got | seconds an update |"
    return ["", _COST, "", head, "|---|---|---|---|---|---|", *lines] if lines else []


def _comparisons(known: dict[str, tuple[Phase, RecordedOutcomes]]) -> str:
    lines = [
        "| first | second | config | task | gap | 95% interval | p (Holm) | shown |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for first, second in _COMPARED:
        if {first.partition(":")[0], second.partition(":")[0]} <= known.keys():
            for cell in compare(_side(first, known), _side(second, known)):
                config = cell.first_config if ":" not in first else "-"
                test = cell.test
                interval = "-" if test is None else f"{test.low:+.1f} to {test.high:+.1f}"
                p = "-" if test is None else f"{cell.p_holm:.3g}"
                lines.append(
                    f"| {first} | {second} | {config} | {cell.task} | {_number(cell.gap, '+.1f')} | {interval} | {p} "
                    f"| {cell.difference} |"
                )
    return "\n".join(lines) + "\n"


def _side(name: str, known: dict[str, tuple[Phase, RecordedOutcomes]]) -> ComparedSide:
    place, _, config = name.partition(":")
    phase, recorded = known[place]
    configs = tuple(one for one in phase.configs if config in ("", one))
    outcomes = tuple(one for one in recorded.judged if one.config in configs)
    return ComparedSide(name=name, source="recorded", outcomes=outcomes, configs=configs, rules=phase.manifest.verdict)


def _effects(name: str, phase: Phase, recorded: RecordedOutcomes) -> str:
    lines = [f"## Effects in {name}\n", "| block | task | factor | change | effect | 95% interval | p (Holm) |"]
    lines.append("|---|---|---|---|---|---|---|")
    for effect in effects_of(phase, recorded.judged):
        interval = "-" if effect.p is None else f"{effect.low:+.1f} to {effect.high:+.1f}"
        p = "-" if effect.p_holm is None else f"{effect.p_holm:.3g}"
        lines.append(
            f"| {effect.block} | {effect.task} | {effect.factor} | {effect.change or '-'} "
            f"| {_number(effect.estimate, '+.1f')} | {interval} | {p} |"
        )
    return "\n".join(lines) + "\n"


def _values(recorded: RecordedOutcomes, config: str, task: str) -> Sequence[float]:
    return [one.reward for one in recorded.judged if (one.config, one.task) == (config, task)]


def _interval(found: Sample) -> str:
    if found.count < 2:
        return "-"
    reach = float(student.ppf(0.975, found.count - 1)) * found.sd / math.sqrt(found.count)
    return f"{found.mean - reach:.1f} to {found.mean + reach:.1f}"


def _number(value: Any, form: str = ".1f") -> str:
    return "-" if math.isnan(value) else format(value, form)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
