"""Main effects and interaction of a 2 x 2 factorial: world model and policy, each of two kinds.

Each effect is a contrast of four cell means. Its standard error takes each cell's own spread (no pooling), its degrees
of freedom are Welch's and Satterthwaite's, and p-values are adjusted after Holm over all effects of a phase. A cell
with a single run, or four cells without any spread, give an estimate and no test.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from attrs import evolve, frozen

from rephase.errors import UsageError
from rephase.judging.plain import plain
from rephase.judging.samples import Sample, holm, is_measurable, sample
from rephase.manifest import Phase
from rephase.manifest.outcomes import Outcome

__all__ = ["Effect", "Factor", "effects_of"]

_CELLS = 4
_LEVEL = 0.05


class Factor(StrEnum):
    """What an effect is of."""

    WORLD_MODEL = "world model"
    POLICY = "policy"
    INTERACTION = "interaction"


_CONTRASTS: Mapping[Factor, tuple[float, ...]] = {
    # Cells: first model and first policy; first and second; second and first; second and second.
    Factor.WORLD_MODEL: (-0.5, -0.5, 0.5, 0.5),
    Factor.POLICY: (-0.5, 0.5, -0.5, 0.5),
    Factor.INTERACTION: (1.0, -1.0, -1.0, 1.0),
}


@frozen(kw_only=True)
class Effect:
    """One effect on the return of one task.

    Args:
        block: The part of their names that the four configs share; the phase's name where they share nothing.
        task: Name of the task.
        factor: What is changed.
        change: From what to what, such as ``mlp to flow``; empty for the interaction.
        counts: Runs of the four cells.
        estimate: Points of return; NaN where a cell has no run.
        low: Lower end of its 95% interval; NaN without a test.
        high: Upper end.
        degrees: Degrees of freedom; NaN without a test.
        p: Two-sided p-value of no effect; None without a test.
        p_holm: The same adjusted over all effects; None without a test.
    """

    block: str
    task: str
    factor: Factor
    change: str
    counts: tuple[int, ...]
    estimate: float
    low: float = math.nan
    high: float = math.nan
    degrees: float = math.nan
    p: float | None = None
    p_holm: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON values; what is not finite is null."""
        tree: dict[str, Any] = plain(self)
        return tree


def effects_of(phase: Phase, outcomes: Sequence[Outcome]) -> tuple[Effect, ...]:
    """Main effects and interaction, block by block and task by task.

    Args:
        phase: Its configs, in order, are blocks of four that cross two world models with two policies.
        outcomes: Outcomes of its runs.

    Returns:
        Three effects a block and task.

    Raises:
        UsageError: The configs are no such blocks.
    """
    found = [
        _effect(phase, block, task, factor, outcomes)
        for block in _blocks(phase)
        for task in phase.manifest.tasks
        for factor in Factor
    ]
    tested = [at for at, effect in enumerate(found) if effect.p is not None]
    adjusted = holm([effect.p for effect in found if effect.p is not None])
    for at, p in zip(tested, adjusted, strict=True):
        found[at] = evolve(found[at], p_holm=p)
    return tuple(found)


def _blocks(phase: Phase) -> list[tuple[str, ...]]:
    names = list(phase.configs)
    blocks = [tuple(names[at : at + _CELLS]) for at in range(0, len(names), _CELLS)]
    for block in blocks:
        kinds = [(phase.configs[name].world_model.part, phase.configs[name].policy.part) for name in block]
        models, policies = (list(dict.fromkeys(kind[at] for kind in kinds)) for at in (0, 1))
        if kinds != [(model, policy) for model in models for policy in policies] or len(kinds) != _CELLS:
            raise UsageError(
                f"its configs {', '.join(block)} do not cross two world models with two policies",
                where=phase.name,
                remedy="effects are of phases like 'factorial'; 'rephase compare' sets any two configs side by side",
            )
    return blocks


def _effect(phase: Phase, block: tuple[str, ...], task: str, factor: Factor, outcomes: Sequence[Outcome]) -> Effect:
    cells = [_cell(config, task, outcomes) for config in block]
    first, last = phase.configs[block[0]], phase.configs[block[-1]]
    changes = {
        Factor.WORLD_MODEL: f"{first.world_model.part} to {last.world_model.part}",
        Factor.POLICY: f"{first.policy.part} to {last.policy.part}",
        Factor.INTERACTION: "",
    }
    weights = _CONTRASTS[factor]
    effect = Effect(
        block=_shared(block) or phase.manifest.phase,
        task=task,
        factor=factor,
        change=changes[factor],
        counts=tuple(cell.count for cell in cells),
        estimate=math.fsum(weight * cell.mean for weight, cell in zip(weights, cells, strict=True)),
    )
    return _tested(effect, weights, cells)


def _shared(names: Sequence[str]) -> str:
    """The words, parted by hyphens, that all names begin with."""
    words = zip(*(name.split("-") for name in names), strict=False)
    return "-".join(each[0] for each in itertools.takewhile(lambda each: len(set(each)) == 1, words))


def _cell(config: str, task: str, outcomes: Sequence[Outcome]) -> Sample:
    own = [one.reward for one in outcomes if (one.config, one.task) == (config, task)]
    return sample([value for value in own if is_measurable(value)])


def _tested(effect: Effect, weights: Sequence[float], cells: Sequence[Sample]) -> Effect:
    if min(cell.count for cell in cells) < 2:
        return effect
    parts = [weight**2 * cell.sd**2 / cell.count for weight, cell in zip(weights, cells, strict=True)]
    variance = math.fsum(parts)
    if variance == 0:
        return effect
    from scipy.stats import t as student

    # Each part over the whole first: squares of small variances would vanish.
    degrees = 1 / math.fsum((part / variance) ** 2 / (cell.count - 1) for part, cell in zip(parts, cells, strict=True))
    error = math.sqrt(variance)
    reach = float(student.ppf(1 - _LEVEL / 2, degrees)) * error
    p = 2 * float(student.sf(abs(effect.estimate) / error, degrees))
    return evolve(effect, low=effect.estimate - reach, high=effect.estimate + reach, degrees=degrees, p=p)
