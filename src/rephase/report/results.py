"""The page of results: what is recorded of every phase at the embedded scale, with intervals and comparisons.

Made from recorded outcomes alone: `nox -s pages` writes it, a test compares it. Nothing here decides what is better;
the comparisons are those of `rephase compare` and `rephase effects`.
"""

from __future__ import annotations

import io
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
from rephase.reproduction.checking import recorded_outcomes
from rephase.reproduction.comparing import ComparedSide, compare
from rephase.reproduction.phases import known_phases, open_phase

__all__ = ["PAGE", "page", "picture", "recorded_phases", "write"]

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
    ("phase5:euler-fast", "phase5:high-precision-wm"),
    ("phase5:euler-fast", "phase5:high-precision-policy"),
)
_FACTORIALS = ("factorial",)
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
    for name, scales in known_phases(project).items():
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


def picture(phase: Phase, recorded: RecordedOutcomes) -> str:
    """One point a run and a bar for each cell's mean, as an SVG document.

    Args:
        phase: The phase.
        recorded: Its outcomes.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    tasks, configs = phase.manifest.tasks, list(phase.configs)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": phase.name, "font.size": 9.0}):
        figure = Figure(figsize=(8.0, 0.9 + 0.32 * len(configs)), layout="constrained")
        FigureCanvasSVG(figure)
        for place, (task, axes) in enumerate(zip(tasks, figure.subplots(1, len(tasks), squeeze=False)[0], strict=True)):
            for row, config in enumerate(configs):
                values = _values(recorded, config, task)
                axes.plot(values, [row] * len(values), "o", color="#0072b2", alpha=0.6, markersize=4.5)
                axes.plot([sample(values).mean] * 2, [row - 0.3, row + 0.3], color="#c04f00", linewidth=2)
            axes.set_title(task, fontsize=9.5)
            axes.set_xlabel("return (points)")
            axes.set_ylim(len(configs) - 0.5, -0.5)
            titles = [phase.manifest.configs[config].title or config for config in configs]
            axes.set_yticks(range(len(configs)), titles if place == 0 else [""] * len(configs))
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def write(project: Path) -> None:
    """Write the page and its pictures into a checkout.

    Args:
        project: Folder of the checkout.
    """
    target = project / PAGE
    target.write_text(page(project), encoding="utf-8")
    target.with_suffix("").mkdir(exist_ok=True)
    for name, (phase, recorded) in recorded_phases(project).items():
        (target.with_suffix("") / f"{name}.svg").write_text(picture(phase, recorded), encoding="utf-8")


def _section(name: str, phase: Phase, recorded: RecordedOutcomes) -> str:
    lines = [f"## {name}\n", f"{phase.manifest.title}. {phase.manifest.question}\n"]
    lines += [f"![Returns of every run, by task and config](results/{name}.svg)\n"]
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
    return "\n".join(lines) + "\n"


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
