"""From a task's offer to N episodes of it."""

from __future__ import annotations

from rephase.environments.known import find_task, spaces_of
from rephase.errors import EnvironmentFault, PluginError, RephaseError
from rephase.plugins import TaskOffer
from rephase.plugins.strangers import Failed, ask
from rephase.protocols import BatchedEnvironment, Spaces

__all__ = ["make"]


def make(task: str | TaskOffer, count: int, threads: int = 0, spaces: Spaces | None = None) -> BatchedEnvironment:
    """Return N episodes of a task, to be stepped together.

    Args:
        task: Name of the task, such as ``walker-stand``, or its offer.
        count: Number N of episodes.
        threads: Threads to step the physics with; 0 for one per CPU. Results do not depend on it.
        spaces: Sizes to pad to; None takes those that the task shares with the log's.

    Raises:
        UnknownName: When there is no such task.
        CannotRunHere: When mujoco or dm_control is not installed or does not load.
        EnvironmentFault: When ``count`` is below 1 or ``threads`` negative.
        PluginError: When a plugin's task cannot be built.
    """
    offer = find_task(task) if isinstance(task, str) else task
    if count < 1 or threads < 0:
        raise EnvironmentFault(
            f"{count} episodes on {threads} threads; expected at least 1 episode and no fewer than 0 threads",
            where=offer.name,
        )
    builder = offer.load()
    try:
        built = ask(lambda: builder(offer, count, threads, spaces or spaces_of([offer])))
    except Failed as failed:
        if isinstance(failed.__cause__, RephaseError):
            raise failed.__cause__ from None
        raise PluginError(
            f"the task {offer.name!r} cannot be built: {failed}", where=offer.loader, remedy="fix its plugin"
        ) from failed
    if not isinstance(built, BatchedEnvironment):
        raise PluginError(
            f"the task {offer.name!r} is built as {type(built).__name__}, "
            "which is no rephase.protocols.BatchedEnvironment",
            where=offer.loader,
            remedy="let its builder return rephase.environments.Lockstep(task, environments, spaces)",
        )
    return built
