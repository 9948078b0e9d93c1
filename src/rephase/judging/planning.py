"""What a rerun of so many seeds can show and what it cannot, before it is run. Pure functions of a record.

The rules are those of `cells`, the record's spread is taken for the true one, and a FAIL is counted with the p-value
that stands first in Holm's order, so the power of all cells but the most shifted is no lower than is said here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from rephase.errors import UsageError
from rephase.judging.plain import plain
from rephase.judging.samples import one_sided_quantile, sample, two_sided_quantile
from rephase.judging.sides import Side
from rephase.manifest.rules import VerdictRules

__all__ = ["CellPlan", "SeedPlan", "plan_rerun"]

_POWER = 0.8
_MOST = 200
_USUAL = (1, 2, 3, 5, 10, 20)


@frozen(kw_only=True)
class SeedPower:
    """What a number of seeds can show of a cell.

    Args:
        seeds: Seeds of the rerun.
        power: Probability that a shift of the planned size is a FAIL.
        smallest: Smallest shift that is a FAIL with the planned power; infinite where none is.
        faithful: Probability, at least, that a faithful rerun passes; 0 where no PASS can be had.
    """

    seeds: int
    power: float
    smallest: float
    faithful: float


@frozen(kw_only=True)
class CellPlan:
    """What a rerun can show of a cell.

    Args:
        config: Method.
        task: Task.
        recorded: Recorded seeds.
        mean: Their mean.
        sd: Their standard deviation; NaN below two.
        shift: Size of the shift to be shown.
        needed: Fewest seeds that show it with the planned power; None where none up to 200 do.
        shown: What the numbers that were asked about show.
    """

    config: str
    task: str
    recorded: int
    mean: float
    sd: float
    shift: float
    needed: int | None
    shown: tuple[SeedPower, ...] = ()


@frozen(kw_only=True)
class SeedPlan:
    """What a rerun needs.

    Args:
        name: The record.
        rules: The numbers it will be judged by.
        power: Probability with which a shift is to be shown.
        cells: Every recorded cell.
        cost: Mean cost of a run; NaN where the record has none.
        cost_unit: Its unit, as the record's column is called.
        notes: What was assumed.
    """

    name: str
    rules: VerdictRules
    power: float
    cells: tuple[CellPlan, ...]
    cost: float = math.nan
    cost_unit: str = ""
    notes: tuple[str, ...] = ()

    @property
    def seeds(self) -> int | None:
        """Fewest seeds a cell that show the shift in every cell; None where no number up to 200 does."""
        needed = [cell.needed for cell in self.cells]
        return None if None in needed else max(one for one in needed if one is not None)

    @property
    def text(self) -> str:
        """The plan in words, what it needs last."""
        lines = []
        for cell in self.cells:
            need = f"{cell.needed} seeds" if cell.needed else f"more than {_MOST} seeds"
            if math.isnan(cell.sd):
                need = "unknown: one recorded seed has no spread"
            lines.append(f"{cell.config} on {cell.task} ({cell.mean:.6g} ± {_word(cell.sd)}, n={cell.recorded})")
            lines.append(f"  a shift of {cell.shift:.4g} is shown with {100 * self.power:.0f}% power by: {need}")
            lines += [f"  {_can(one, self.power)}" for one in cell.shown]
        blocks = ["\n".join(lines), "\n".join(f"note: {note}" for note in self.notes), self.summary]
        return "\n\n".join(block for block in blocks if block)

    @property
    def summary(self) -> str:
        """What the whole rerun needs, one sentence."""
        if lonely := sum(math.isnan(cell.sd) for cell in self.cells):
            return f"{lonely} of {len(self.cells)} cells have one recorded seed: nobody knows how many a rerun needs"
        if self.seeds is None:
            return f"no number up to {_MOST} seeds shows it in every cell; name a larger --shift"
        runs = self.seeds * len(self.cells)
        words = f"{self.seeds} seeds a cell, {runs} runs, show it in every cell"
        if not math.isnan(self.cost):
            words += f"; about {self.cost * runs:.4g} {self.cost_unit} at {self.cost:.4g} a run"
        return words

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values; what is not finite is null."""
        return {**plain(self), "seeds": self.seeds, "summary": self.summary}


def plan_rerun(
    recorded: Side,
    rules: VerdictRules,
    *,
    shift: float | None = None,
    seeds: Sequence[int] = (),
    power: float = _POWER,
    notes: Sequence[str] = (),
) -> SeedPlan:
    """Plan a rerun of a record.

    Args:
        recorded: The record.
        rules: The numbers the rerun will be judged by.
        shift: Shift to be shown, in the values' unit; None takes 20% of each recorded mean's size.
        seeds: Numbers of seeds to ask about; none takes a few usual ones.
        power: Probability with which the shift is to be shown.
        notes: What else to say.

    Raises:
        UsageError: A shift the floor lets through, or a number outside its range.
    """
    if not 0.5 <= power < 1 or any(not 1 <= one <= 100_000 for one in seeds):
        raise UsageError("expected a power from 0.5 to below 1 and 1 seed or more", remedy="say other numbers")
    if shift is not None and not rules.floor < shift < math.inf:
        problem = f"a shift of {shift:g} is not above the floor of {rules.floor:.4g}, which matters to nobody"
        raise UsageError(problem, remedy="say a larger --shift or a lower --floor")
    level = rules.alpha / 2 / max(1, len(recorded.values))
    cells = []
    for (method, task), values in recorded.values.items():
        moments = sample(list(values.values()))
        wanted = shift if shift is not None else max(0.2 * abs(moments.mean), 1.5 * rules.floor)
        asked = tuple(sorted(set(seeds))) or _USUAL
        known = not math.isnan(moments.sd)
        cells.append(
            CellPlan(
                config=recorded.titles.get(method, method),
                task=recorded.titles.get(task, task),
                recorded=moments.count,
                mean=moments.mean,
                sd=moments.sd,
                shift=wanted,
                needed=_needed(moments.count, moments.sd, wanted, level, power, rules.floor) if known else None,
                shown=tuple(
                    _shown(moments.count, one, moments.sd, wanted, level, power, rules) for one in asked if known
                ),
            )
        )
    return SeedPlan(
        name=recorded.name,
        rules=rules,
        power=power,
        cells=tuple(cells),
        cost=math.fsum(recorded.costs) / len(recorded.costs) if recorded.costs else math.nan,
        cost_unit=recorded.cost_unit,
        notes=(
            *notes,
            "the record's spread is taken for the true one; from few seeds it may be off by half",
            *recorded.notes,
        ),
    )


def _needed(n: int, sd: float, shift: float, level: float, power: float, floor: float) -> int | None:
    return next((m for m in range(1, _MOST + 1) if _power(n, m, sd, shift, level, floor) >= power), None)


def _power(n: int, m: int, sd: float, shift: float, level: float, floor: float) -> float:
    """Probability that a shift of the mean is a FAIL: shown by the test, and over the floor."""
    from scipy.stats import nct, norm

    if n + m < 3:
        return 0.0
    if sd == 0:
        return 1.0 if shift > floor else 0.0
    degrees = n + m - 2
    error = sd * math.sqrt(1 / n + 1 / m)
    critical = two_sided_quantile(level, degrees)
    by_test = float(1 - nct.cdf(critical, degrees, shift / error))
    by_floor = float(norm.sf((floor - shift) / error))
    return min(by_test, by_floor) if math.isfinite(by_test) else 1.0


def _shown(n: int, m: int, sd: float, shift: float, level: float, power: float, rules: VerdictRules) -> SeedPower:
    return SeedPower(
        seeds=m,
        power=_power(n, m, sd, shift, level, rules.floor),
        smallest=_smallest(n, m, sd, level, power, rules.floor),
        faithful=_faithful(n, m, sd, rules),
    )


def _smallest(n: int, m: int, sd: float, level: float, power: float, floor: float) -> float:
    if n + m < 3:
        return math.inf
    low, high = floor, max(floor, sd, 1e-300)
    for _ in range(60):
        if _power(n, m, sd, high, level, floor) >= power:
            break
        low, high = high, 2 * high
    else:
        return math.inf
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if _power(n, m, sd, middle, level, floor) >= power else (middle, high)
    return high


def _faithful(n: int, m: int, sd: float, rules: VerdictRules) -> float:
    """Probability that abs(d) + t s sqrt(h) is at most k s, or at most the floor, whichever is likelier alone."""
    from scipy.stats import norm, t

    if n + m < 3:
        return 0.0
    degrees = n + m - 2
    h = 1 / n + 1 / m
    quantile = one_sided_quantile(rules.alpha, degrees)
    room = rules.k(n, m) / math.sqrt(h) - quantile
    by_spread = 2 * float(t.cdf(room, degrees)) - 1 if room > 0 else 0.0
    if sd == 0:
        return 1.0
    slack = (rules.floor - quantile * sd * math.sqrt(h)) / (sd * math.sqrt(h))
    return max(by_spread, 2 * float(norm.cdf(slack)) - 1 if slack > 0 else 0.0)


def _can(one: SeedPower, power: float) -> str:
    seeds = f"{one.seeds:>3} {'seed' if one.seeds == 1 else 'seeds'}"
    if not math.isfinite(one.smallest):
        return f"{seeds}: cannot show any shift"
    return (
        f"{seeds}: {100 * one.power:.0f}% power for it; the smallest shift shown with {100 * power:.0f}% is"
        f" {one.smallest:.4g}; a faithful one passes in about {100 * one.faithful:.0f}%"
    )


def _word(sd: float) -> str:
    return "-" if math.isnan(sd) else f"{sd:.4g}"
