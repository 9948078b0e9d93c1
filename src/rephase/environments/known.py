"""Which tasks there are: the log's 30 and those of installed plugins, all by the hook ``rephase_tasks``.

Nothing here loads a simulator. A plugin's module is imported only when somebody asks for tasks that are not the log's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint

from attrs import frozen

from rephase import __version__
from rephase.environments.suite import rephase_tasks
from rephase.environments.tasks import SPACES, TASKS
from rephase.errors import PluginError, UnknownName
from rephase.plugins import TaskOffer
from rephase.plugins.offering import Offering, look_for
from rephase.plugins.sources import GROUP, Source, installed_sources
from rephase.protocols import Spaces

__all__ = ["BUILT_IN", "SUITE", "TaskSet", "discover_tasks", "find_task", "spaces_of"]

_HOME = "rephase.environments.suite"
BUILT_IN = Source("rephase", __version__, _HOME)
"""Who offers the log's tasks."""


@frozen
class TaskSet:
    """Tasks that are told apart by their names and by their rows in the embedding of a world model.

    Args:
        offers: The tasks.

    Raises:
        PluginError: Two of them have the same row.
    """

    offers: tuple[TaskOffer, ...]

    def __attrs_post_init__(self) -> None:
        rows: dict[int, TaskOffer] = {}
        for offer in self.offers:
            other = rows.setdefault(offer.index, offer)
            if other is not offer:
                raise PluginError(
                    f"tasks {other.name!r} and {offer.name!r} both have row {offer.index} of the embedding",
                    remedy="leave one of them out of the phase, or let their plugins offer them with rows of their own",
                )

    def __iter__(self) -> Iterator[TaskOffer]:
        return iter(self.offers)

    @property
    def spaces(self) -> Spaces:
        """The sizes they share."""
        return spaces_of(self.offers)

    def find(self, name: str) -> TaskOffer:
        """The task of this name.

        Raises:
            UnknownName: There is none.
        """
        for offer in self.offers:
            if offer.name == name:
                return offer
        raise UnknownName("task", name, tuple(offer.name for offer in self.offers), listing="rephase tasks")

    def at(self, index: int) -> TaskOffer:
        """The task of this row; there must be one."""
        return next(offer for offer in self.offers if offer.index == index)


SUITE = TaskSet(tuple(rephase_tasks()))
"""The log's 30 tasks."""


def discover_tasks(
    allowed: Iterable[str] | None = None, sources: Iterable[tuple[Source, EntryPoint]] | None = None
) -> Offering[TaskOffer]:
    """Ask the built-in suite and the installed plugins for their tasks.

    Args:
        allowed: Distributions that may be imported; None allows all.
        sources: What to look through in addition to the suite; None looks at what is installed.
    """
    suite = BUILT_IN, EntryPoint("suite", _HOME, GROUP)
    among = [suite, *(installed_sources() if sources is None else sources)]
    names = None if allowed is None else [BUILT_IN.distribution, *allowed]
    return look_for("rephase_tasks", "task", TaskOffer, among, listing="rephase tasks", allowed=names)


def find_task(name: str, allowed: Iterable[str] | None = None) -> TaskOffer:
    """Return the task of that name; no plugin is imported for one of the log's.

    Args:
        name: Its name.
        allowed: Distributions that may offer it; None allows all that are installed.

    Raises:
        UnknownName: When no task has it; the message lists near names.
        PluginError: When several plugins offer it.
    """
    known = next((offer for offer in SUITE if offer.name == name), None)
    return known or discover_tasks(allowed).find(name, "")


def spaces_of(tasks: Iterable[TaskOffer]) -> Spaces:
    """The sizes that tasks share with the log's: as many rows, and as wide, as the largest of them all.

    Args:
        tasks: The tasks; the log's alone share `SPACES`, which world models that know no other were made for.
    """
    own: Mapping[int, TaskOffer] = {task.index: task for task in tasks}
    action = max([SPACES.action, *(task.action_size for task in own.values())])
    sizes = [task.action_size for task in TASKS]
    # Rows between the log's and the last one belong to tasks that are not here, so that nothing is known of them.
    sizes += [action] * (max([len(TASKS) - 1, *own]) + 1 - len(TASKS))
    for index, task in own.items():
        sizes[index] = task.action_size
    return Spaces(
        observation=max([SPACES.observation, *(task.observation_size for task in own.values())]),
        action=action,
        action_sizes=tuple(sizes),
    )
