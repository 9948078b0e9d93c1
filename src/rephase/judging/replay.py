"""Replay: whether two executions computed the same bits, from the rolling digests they left behind.

Pure functions of digests; how a digest is made is the engine's affair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from rephase.manifest.outcomes import Outcome

__all__ = ["Divergence", "Replay", "compare_digests", "replay_of"]

Digests = Mapping[str, Mapping[int, Mapping[str, str]]]
"""Digest of every quantity at every step of every run."""


@frozen(kw_only=True)
class Divergence:
    """The first place where two executions differ.

    Args:
        run: Name of the run.
        step: Step (epoch) of the digest.
        quantity: What was digested, such as ``actor``.
        problem: How they differ there.
    """

    run: str
    step: int
    quantity: str
    problem: str


@frozen(kw_only=True)
class Replay:
    """Outcome of comparing two executions' digests.

    Args:
        compared: Digests that stand on both sides.
        divergences: First divergence of every run that has one, by run.
    """

    compared: int
    divergences: tuple[Divergence, ...]

    @property
    def is_exact(self) -> bool:
        """Whether there was something to compare and all of it was equal."""
        return self.compared > 0 and not self.divergences


def compare_digests(recorded: Digests, reproduced: Digests) -> Replay:
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
                    problem = _difference(before.get(quantity), after.get(quantity))
                    first = Divergence(run=run, step=step, quantity=quantity, problem=problem)
        if first is not None:
            divergences.append(first)
    return Replay(compared=compared, divergences=tuple(divergences))


def replay_of(recorded: Sequence[Outcome], reproduced: Sequence[Outcome]) -> Replay | None:
    """Compare the digests that recorded and reproduced outcomes carry.

    Args:
        recorded: Recorded outcomes.
        reproduced: Reproduced ones; runs that are not recorded, such as an extension's, are left out.

    Returns:
        The comparison; None where one of the sides carries no digest at all.
    """
    before, after = _digests(recorded), _digests(reproduced)
    after = {run: steps for run, steps in after.items() if run in before}
    return compare_digests(before, after) if before and after else None


def _digests(outcomes: Sequence[Outcome]) -> dict[str, dict[int, dict[str, str]]]:
    found: dict[str, dict[int, dict[str, str]]] = {}
    for outcome in outcomes:
        for one in outcome.digests:
            run = f"{outcome.config}/{outcome.task}/seed-{outcome.seed}"
            found.setdefault(run, {}).setdefault(one.step, {})[one.quantity] = one.digest
    return found


def _difference(before: str | None, after: str | None) -> str:
    if before is None:
        return "only the reproduction has it"
    if after is None:
        return "only the record has it"
    return f"recorded {before}, reproduced {after}"
