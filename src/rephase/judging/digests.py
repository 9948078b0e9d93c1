"""Whether two executions computed the same bits, from the rolling digests they left behind.

Pure functions of digests; how a digest is made is the engine's affair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve, frozen

from rephase.manifest.outcomes import Outcome

__all__ = ["Divergence", "Origin", "DigestComparison", "compare_digests", "compare_outcomes"]

Digests = Mapping[str, Mapping[int, Mapping[str, str]]]
"""Digest of every quantity at every step of every run."""


@frozen(kw_only=True)
class Divergence:
    """The first place where two executions differ.

    Args:
        run: Name of the run.
        step: Step (epoch) of the digest.
        quantity: What was digested, such as ``actor``.
        problem: How they differ there, in words for people.
        recorded: Digest of the recorded execution; empty where it has none.
        reproduced: Digest of the reproduction.
    """

    run: str
    step: int
    quantity: str
    problem: str
    recorded: str = ""
    reproduced: str = ""


@frozen(kw_only=True)
class Origin:
    """Something in which the machines or the software of two executions differ: why their bits may.

    Args:
        name: What it is, such as ``mujoco``.
        recorded: What the record was made with.
        reproduced: What the runs were made with.
    """

    name: str
    recorded: str
    reproduced: str

    def __str__(self) -> str:
        return f"{self.name}: recorded with {self.recorded}, here {self.reproduced}"


@frozen(kw_only=True)
class DigestComparison:
    """Outcome of comparing two executions' digests.

    Args:
        compared: Digests that stand on both sides.
        divergences: First divergence of every run that has one, by run.
        uncovered: Reproduced runs that lack digests on one side or the other, so that nothing says what they computed.
    """

    compared: int
    divergences: tuple[Divergence, ...]
    uncovered: tuple[str, ...] = ()

    @property
    def is_exact(self) -> bool:
        """Whether every judged run could be compared and all of it was equal."""
        return self.compared > 0 and not self.divergences and not self.uncovered


def compare_digests(recorded: Digests, reproduced: Digests) -> DigestComparison:
    """Compare the digests of two executions; a digest that stands on one side only is a divergence.

    Args:
        recorded: Digests of the recorded execution.
        reproduced: Digests of the reproduction.

    Returns:
        How many were compared and where each run first differs, steps ascending, quantities by name.
    """
    compared = 0
    divergences = []
    for run in sorted({*recorded, *reproduced}):
        first = None
        mine, theirs = recorded.get(run, {}), reproduced.get(run, {})
        for step in sorted({*mine, *theirs}):
            before, after = mine.get(step, {}), theirs.get(step, {})
            compared += len(set(before) & set(after))
            for quantity in sorted({*before, *after}):
                if first is None and before.get(quantity) != after.get(quantity):
                    first = _divergence(run, step, quantity, before.get(quantity, ""), after.get(quantity, ""))
        if first is not None:
            divergences.append(first)
    return DigestComparison(compared=compared, divergences=tuple(divergences))


def compare_outcomes(recorded: Sequence[Outcome], reproduced: Sequence[Outcome]) -> DigestComparison | None:
    """Compare the digests and returns that recorded and reproduced outcomes carry.

    Args:
        recorded: Recorded outcomes; runs that were not reproduced are left out.
        reproduced: Reproduced ones, every one of which has to be covered for the comparison to be exact.

    Returns:
        The comparison; None where one of the sides carries no digest at all.
    """
    before, after = _digests(recorded), _digests(reproduced)
    if not before or not after:
        return None
    shared = set(before) & set(after)
    found = compare_digests(
        {run: steps for run, steps in before.items() if run in shared},
        {run: steps for run, steps in after.items() if run in shared},
    )
    diverged = {one.run for one in found.divergences}
    rows = {_label(outcome): outcome for outcome in recorded}
    others = [
        one for row in reproduced if _label(row) not in diverged for one in _returns_differ(rows.get(_label(row)), row)
    ]
    return evolve(
        found,
        divergences=tuple(sorted((*found.divergences, *others), key=lambda one: one.run)),
        uncovered=tuple(sorted({_label(row) for row in reproduced} - shared)),
    )


def _returns_differ(before: Outcome | None, after: Outcome) -> list[Divergence]:
    """The first of a run's returns that is not the recorded one, whatever its digests say."""
    if before is None:
        return []
    for name in ("reward", "episode_returns", "plan_reward", "plan_episode_returns"):
        if getattr(before, name) != getattr(after, name):
            words = name.replace("_", " ")
            problem = f"the recorded {words} and the reproduced one differ although the digests may be equal"
            return [Divergence(run=_label(after), step=after.epochs or 0, quantity=words, problem=problem)]
    return []


def _label(outcome: Outcome) -> str:
    return f"{outcome.config}/{outcome.task}/seed-{outcome.seed}"


def _digests(outcomes: Sequence[Outcome]) -> dict[str, dict[int, dict[str, str]]]:
    found: dict[str, dict[int, dict[str, str]]] = {}
    for outcome in outcomes:
        for one in outcome.digests:
            found.setdefault(_label(outcome), {}).setdefault(one.step, {})[one.quantity] = one.digest
    return found


def _divergence(run: str, step: int, quantity: str, before: str, after: str) -> Divergence:
    if before and after:
        problem = "the bits differ"
    else:
        problem = "only the reproduction has it" if after else "only the record has it"
    return Divergence(run=run, step=step, quantity=quantity, problem=problem, recorded=before, reproduced=after)
