"""Which runners are installed and who offers each. Only commands about jobs, the doctor and listings look."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint

from rephase.errors import PluginError
from rephase.plugins.offering import Offering, look_for
from rephase.plugins.offers import RunnerOffer
from rephase.plugins.sources import Source
from rephase.protocols import Runner

__all__ = ["build_runner", "discover_runners"]


def discover_runners(sources: Iterable[tuple[Source, EntryPoint]] | None = None) -> Offering[RunnerOffer]:
    """Ask the installed plugins for their runners.

    Args:
        sources: What to look through; None looks at what is installed.
    """
    return look_for("rephase_runners", "runner", RunnerOffer, sources)


def build_runner(offer: RunnerOffer, options: object) -> Runner:
    """Build a runner.

    Args:
        offer: The offer.
        options: An instance of its options.

    Raises:
        PluginError: What was built lacks a method of a runner.
    """
    runner = offer.load()(options)
    if not isinstance(runner, Runner):
        raise PluginError(
            f"{offer.loader} built {type(runner).__name__}, which is no rephase.protocols.Runner",
            where=f"runner {offer.name}",
            remedy="give it all methods of that protocol",
        )
    return runner
