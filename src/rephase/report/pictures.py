"""The pictures of the page of results: recorded outcomes as SVG documents that stand by themselves."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

from rephase.judging.samples import sample
from rephase.manifest import Phase
from rephase.manifest.outcomes import Outcome, RecordedOutcomes

__all__ = ["captions", "curves_picture", "pictures", "promises_picture", "returns_picture"]

_CURVES, _PROMISED = "-curves", "-promised"
_POINT, _BAR = "#0072b2", "#c04f00"
_COLOURS = ("#0072b2", "#c04f00", "#009e73", "#cc79a7")
_DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
_MARKERS = ("o", "s", "^", "D")


def captions(recorded: RecordedOutcomes) -> dict[str, str]:
    """What each picture that the outcomes have something for shows, in words, by its name.

    Args:
        recorded: Outcomes of a phase.
    """
    found = {recorded.phase: "Returns of every run, by task and config"}
    if any(one.curve for one in recorded.judged):
        found[f"{recorded.phase}{_CURVES}"] = "Returns on the way, one line a run, by task"
    if any(one.predicted_return is not None for one in recorded.judged):
        found[f"{recorded.phase}{_PROMISED}"] = "What each run's world model promised against what was got, by task"
    return found


def pictures(phase: Phase, recorded: RecordedOutcomes) -> dict[str, str]:
    """Every picture that `captions` names, as an SVG document, by its name.

    Args:
        phase: The phase.
        recorded: Its outcomes.
    """
    drawn_by = {_CURVES: curves_picture, _PROMISED: promises_picture}
    return {
        name: drawn_by.get(name.removeprefix(recorded.phase), returns_picture)(phase, recorded)
        for name in captions(recorded)
    }


def returns_picture(phase: Phase, recorded: RecordedOutcomes) -> str:
    """One point a run and a bar for each cell's mean, as an SVG document.

    Args:
        phase: The phase.
        recorded: Its outcomes.
    """
    configs = list(phase.configs)

    def draw(axes: Any, task: str, place: int) -> None:
        for row, config in enumerate(configs):
            values = [one.reward for one in _cell(recorded, config, task)]
            axes.plot(values, [row] * len(values), "o", color=_POINT, alpha=0.6, markersize=4.5)
            axes.plot([sample(values).mean] * 2, [row - 0.3, row + 0.3], color=_BAR, linewidth=2)
        axes.set_xlabel("return (points)")
        axes.set_ylim(len(configs) - 0.5, -0.5)
        axes.set_yticks(range(len(configs)), _titles(phase) if place == 0 else [""] * len(configs))

    return _drawn(phase, phase.name, 0.9 + 0.32 * len(configs), draw)


def curves_picture(phase: Phase, recorded: RecordedOutcomes) -> str:
    """One line a run through its evaluations, a colour and a dash for each config, as an SVG document.

    Args:
        phase: The phase.
        recorded: Its outcomes.
    """

    def draw(axes: Any, task: str, place: int) -> None:
        for at, (config, title) in enumerate(zip(phase.configs, _titles(phase), strict=True)):
            for number, one in enumerate(_cell(recorded, config, task)):
                steps, rewards = [point.step for point in one.curve], [point.reward for point in one.curve]
                label = title if number == 0 else "_"
                style = {"color": _of(_COLOURS, at), "linestyle": _of(_DASHES, at), "marker": _of(_MARKERS, at)}
                axes.plot(steps, rewards, markersize=3, linewidth=1.2, alpha=0.8, label=label, **style)
        axes.set_xlabel("updates")
        axes.set_ylabel("return (points)" if place == 0 else "")
        if place == 0:
            axes.legend(frameon=False, fontsize=7.5)

    return _drawn(phase, f"{phase.name}-curves", 2.8, draw)


def promises_picture(phase: Phase, recorded: RecordedOutcomes) -> str:
    """One point a run, what was promised over what was got, and the line on which both agree, as an SVG document.

    Args:
        phase: The phase.
        recorded: Its outcomes.
    """

    def draw(axes: Any, task: str, place: int) -> None:
        axes.plot([0, 1000], [0, 1000], color="#888888", linewidth=0.8)
        for at, (config, title) in enumerate(zip(phase.configs, _titles(phase), strict=True)):
            shown = [one for one in _cell(recorded, config, task) if one.predicted_return is not None]
            points = [one.reward for one in shown], [one.predicted_return for one in shown]
            style = {"color": _of(_COLOURS, at), "markersize": 4.5, "alpha": 0.8}
            axes.plot(*points, _of(_MARKERS, at), label=title, **style)
        axes.set_xlabel("got (points)")
        axes.set_ylabel("promised (points)" if place == 0 else "")
        if place == 0:
            axes.legend(frameon=False, fontsize=7.5)

    return _drawn(phase, f"{phase.name}-promised", 2.8, draw)


def _drawn(phase: Phase, salt: str, height: float, draw: Callable[[Any, str, int], None]) -> str:
    """One panel a task, each drawn by ``draw(axes, task, place)``."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    tasks = phase.manifest.tasks
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": salt, "font.size": 9.0}):
        figure = Figure(figsize=(8.0, height), layout="constrained")
        FigureCanvasSVG(figure)
        for place, (task, axes) in enumerate(zip(tasks, figure.subplots(1, len(tasks), squeeze=False)[0], strict=True)):
            draw(axes, task, place)
            axes.set_title(task, fontsize=9.5)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def _cell(recorded: RecordedOutcomes, config: str, task: str) -> list[Outcome]:
    return [one for one in recorded.judged if (one.config, one.task) == (config, task)]


def _titles(phase: Phase) -> list[str]:
    return [phase.manifest.configs[config].title or config for config in phase.configs]


def _of(choices: Sequence[Any], at: int) -> Any:
    return choices[at % len(choices)]
