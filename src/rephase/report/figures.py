"""The report's pictures: matplotlib, as SVG elements that stand in a page and take their colours from its style.

Every figure fits a phone as it is. Colours are the Okabe-Ito pair, and shapes and dashes repeat what colour says.
"""

from __future__ import annotations

import io
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rephase.errors import CannotRunHere
from rephase.reproduction.phases import tasks_of

if TYPE_CHECKING:
    from rephase.manifest.record import Record
    from rephase.report.content import Report

__all__ = [
    "COLOURS",
    "MOST",
    "cells_figure",
    "curves_figure",
    "left_out",
    "losses_figure",
    "loss_names",
    "noise_figure",
]

COLOURS = {
    "ink": "#010101",
    "faint": "#020202",
    "band": "#030303",
    "series0": "#040404",
    "series1": "#050505",
    "series2": "#060606",
    "series3": "#070707",
}
"""Colours by their name in the page's style, with what stands for each while matplotlib draws."""

MOST = 60
"""Most runs of a cell that a picture shows."""

_MARKERS = ("o", "s", "^", "D")
_DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
_INCHES = (4.4, 2.7)
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": COLOURS["faint"],
    "axes.labelcolor": COLOURS["ink"],
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "text.color": COLOURS["ink"],
    "xtick.color": COLOURS["ink"],
    "ytick.color": COLOURS["ink"],
    "legend.frameon": False,
    "lines.linewidth": 1.3,
}


def cells_figure(report: Report, task: str) -> str:
    """Draw recorded against reproduced seeds of one task, with the band of means that would pass.

    Args:
        report: What to draw from.
        task: Name of the task.

    Returns:
        An ``svg`` element.
    """
    cells = [cell for cell in report.verdict.cells if cell.task == task]
    lowest, highest = tasks_of(report.phase).find(task).returns

    def draw(figure: Any, axes: Any) -> None:
        for row, cell in enumerate(cells):
            colour, marker = _of(report, cell.config)
            low, high = cell.band
            if low == low:  # NaN where there is no band
                low, high = max(low, lowest), min(high, highest)
                axes.barh(row, high - low, left=low, height=0.62, color=COLOURS["band"], zorder=1)
            hollow = {"markerfacecolor": "none", "markeredgecolor": colour, "markersize": 7, "linestyle": ""}
            before, after = _spread_over(cell.recorded), _spread_over(cell.reproduced)
            axes.plot(before, [row + 0.13] * len(before), marker, zorder=3, **hollow)
            axes.plot(after, [row - 0.13] * len(after), marker, color=colour, markersize=6, zorder=3)
            if cell.recorded:
                axes.plot([cell.recorded_mean] * 2, [row + 0.02, row + 0.26], color=colour, linewidth=2.2)
            if cell.reproduced and cell.reproduced_mean == cell.reproduced_mean:
                axes.plot([cell.reproduced_mean] * 2, [row - 0.26, row - 0.02], color=colour, linewidth=2.2)
        axes.set_yticks(range(len(cells)), [report.names.get(cell.config, cell.config) for cell in cells])
        axes.set_ylim(-0.6, len(cells) - 0.4)
        axes.invert_yaxis()
        axes.set_xlabel("return (points)")
        axes.set_title(task)

    words = "; ".join(f"{report.names.get(cell.config, cell.config)}: {cell.decision}" for cell in cells)
    return _svg(
        f"cells-{task}", f"Recorded and reproduced returns on {task}. {words}", draw, height=1.1 + 0.65 * len(cells)
    )


def curves_figure(report: Report, task: str) -> str:
    """Draw the learning curve of every run of one task, one line a seed.

    Args:
        report: What to draw from.
        task: Name of the task.

    Returns:
        An ``svg`` element; empty where no run of the task has a curve.
    """
    records, others = _drawn([record for record in report.records if record.task == task and record.curve])
    if not records:
        return ""
    configs = len({record.config for record in records})
    columns = configs if configs <= 3 else 2
    rows = math.ceil(configs / columns)

    def draw(figure: Any, axes: Any) -> None:
        named: set[str] = set()
        for record in records:
            colour, marker = _of(report, record.config)
            label = report.names.get(record.config, record.config)
            axes.plot(
                [point.epoch for point in record.curve],
                [point.reward for point in record.curve],
                linestyle=_DASHES[_rank(report, record.config)],
                marker=marker,
                markersize=3.2,
                color=colour,
                alpha=0.85,
                label="_" if label in named else label,
            )
            named.add(label)
        axes.set_xlabel("epoch")
        axes.set_ylabel("return (points)")
        axes.set_title(task, pad=6 + 13 * rows)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=columns, borderaxespad=0, fontsize=8.5)

    words = f"Learning curves on {task}, one line for each of {len(records)} runs{others}"
    return _svg(f"curves-{task}", words, draw, height=_INCHES[1] + 0.2 * (rows - 1))


def loss_names(report: Report) -> list[str]:
    """Return the losses that any record has, by name."""
    return sorted({name for record in report.records for name in record.metrics if name.endswith("loss")})


def losses_figure(report: Report, name: str) -> str:
    """Draw one loss of every run over the epochs, all points the records have.

    Args:
        report: What to draw from.
        name: Name of the loss, such as ``actor_loss``.

    Returns:
        An ``svg`` element; empty where no record has it.
    """
    having = [record for record in report.records if record.metrics.get(name) and record.metrics.get("epoch")]
    records, others = _drawn(having)
    if not records:
        return ""

    def draw(figure: Any, axes: Any) -> None:
        named: set[str] = set()
        for record in records:
            colour, _ = _of(report, record.config)
            label = report.names.get(record.config, record.config)
            line = _DASHES[_rank(report, record.config)]
            shown = "_" if label in named else label
            axes.plot(
                record.metrics["epoch"], record.metrics[name], linestyle=line, color=colour, alpha=0.6, label=shown
            )
            named.add(label)
        axes.set_xlabel("epoch")
        axes.set_title(name.replace("_", " "), pad=18)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0, fontsize=8.5)

    words = f"{name.replace('_', ' ')} over the epochs, one line for each of {len(records)} runs{others}"
    return _svg(f"loss-{name}", words, draw)


def noise_figure(report: Report) -> str:
    """Draw how far a second evaluation of the same policy is from the first, one point a run.

    Args:
        report: What to draw from.

    Returns:
        An ``svg`` element; empty where no run has a second evaluation.
    """
    records, others = _drawn([record for record in report.records if record.plan_reward is not None])
    if not records:
        return ""
    cells = list(dict.fromkeys((record.config, record.task) for record in records))

    def draw(figure: Any, axes: Any) -> None:
        axes.axvline(0, color=COLOURS["faint"], linewidth=1)
        for row, cell in enumerate(cells):
            colour, marker = _of(report, cell[0])
            own = [record for record in records if (record.config, record.task) == cell]
            gaps = [record.plan_reward - record.reward for record in own if record.plan_reward is not None]
            axes.plot(gaps, [row] * len(gaps), marker, color=colour, markersize=6, alpha=0.85)
        axes.set_yticks(range(len(cells)), [f"{report.names.get(config, config)}\n{task}" for config, task in cells])
        axes.set_ylim(-0.6, len(cells) - 0.4)
        axes.invert_yaxis()
        axes.set_xlabel("second less first evaluation (points)")

    words = f"Second less first evaluation of {len(records)} runs{others}"
    return _svg("noise", words, draw, height=0.9 + 0.42 * len(cells))


def _spread_over(values: Sequence[float]) -> Sequence[float]:
    """Values that go up, or as many as are shown, from the lowest to the highest in even steps."""
    if len(values) <= MOST:
        return values
    return [values[round(at * (len(values) - 1) / (MOST - 1))] for at in range(MOST)]


def _drawn(records: Sequence[Record]) -> tuple[list[Record], str]:
    """The first runs of each cell, and in words that there are more: of thousands of lines none can be seen."""
    of_cell: Counter[tuple[str, str]] = Counter()
    kept = []
    for record in records:
        of_cell[record.config, record.task] += 1
        if of_cell[record.config, record.task] <= MOST:
            kept.append(record)
    return kept, "" if len(kept) == len(records) else f", the first {MOST} of each cell of {len(records)}"


def left_out(report: Report) -> str:
    """Say, below a legend, that pictures do not show every seed; nothing where they do."""
    of_cell = Counter((record.config, record.task) for record in report.records)
    return f"<br>At most {MOST} seeds of a cell are drawn." if max(of_cell.values(), default=0) > MOST else ""


def _of(report: Report, config: str) -> tuple[str, str]:
    rank = _rank(report, config)
    return COLOURS[f"series{rank}"], _MARKERS[rank]


def _rank(report: Report, config: str) -> int:
    configs = list(report.phase.configs)
    return (configs.index(config) if config in configs else len(configs)) % len(_MARKERS)


def _svg(name: str, words: str, draw: Callable[[Any, Any], None], height: float = _INCHES[1]) -> str:
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError as error:
        problem = "the report's figures need matplotlib, which is not installed"
        raise CannotRunHere(problem, remedy="pip install 'rephase[report]', or ask for --format markdown") from error
    with rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(_INCHES[0], height), layout="constrained")
        FigureCanvasSVG(figure)
        figure.patch.set_alpha(0)
        axes = figure.subplots()
        axes.patch.set_alpha(0)
        draw(figure, axes)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return _embedded(stream.getvalue(), name, words)


def _embedded(text: str, name: str, words: str) -> str:
    """The svg element alone, its colours those of the page, its identifiers its own."""
    import html

    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    prefix = re.sub(r"[^a-z0-9]+", "-", name.lower())
    text = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", text)
    for colour, stand_in in COLOURS.items():
        text = text.replace(stand_in, f"var(--{colour})")
    text = text.replace("fill: #000000", "fill: var(--ink)")
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    return text.replace("<svg", f'<svg role="img" aria-label="{html.escape(words, quote=True)}"', 1).strip()


def series_names(report: Report) -> Sequence[tuple[str, str]]:
    """Return each configuration's title with the class its marker has in the page's legend."""
    return [(report.names[config], f"series{_rank(report, config)}") for config in report.phase.configs]
