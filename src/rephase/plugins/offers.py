"""How a plugin announces a part, before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from importlib import import_module
from typing import Any, cast

from attrs import field, frozen, validators

from rephase.errors import PluginError
from rephase.plugins.strangers import Failed, ask

__all__ = ["ImageKind", "Kind", "Offer", "PhasesOffer", "RunnerOffer", "SectionOffer", "TaskOffer", "TrackerOffer"]

_NAME = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
_PACKAGE = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"
_LOADER = r"[A-Za-z_][\w.]*:[A-Za-z_]\w*"


class Kind(StrEnum):
    """The kinds of part a plugin can offer; the value is the word used in manifests and listings."""

    INTEGRATOR = "integrator"
    POLICY = "policy"
    WORLD_MODEL = "world-model"


@frozen(kw_only=True)
class Offer:
    """One part a plugin can build.

    Args:
        kind: What sort of part it is.
        name: Name by which manifests ask for it, lower case with hyphens, unique within its kind.
        summary: One line for listings.
        config: Frozen attrs class of the part's settings; importable without torch.
        loader: Where the builder is, as ``package.module:attribute``; imported only when the part is built.
            The builder is called as ``builder(config)`` for an integrator, ``builder(config, spaces, integrator)``
            for a world model and ``builder(config, latent_size, action_size, integrator)`` for a policy, where
            ``integrator`` is None unless ``takes_integrator``.
        takes_integrator: Whether manifests must (True) or must not (False) name an integrator for this part.
        stackable: Whether many copies may run as one program under `torch.func.vmap`.
    """

    kind: Kind
    name: str = field(validator=validators.matches_re(_NAME))
    summary: str
    config: type
    loader: str = field(validator=validators.matches_re(_LOADER))
    takes_integrator: bool = False
    stackable: bool = True

    def load(self) -> Callable[..., Any]:
        """Import the builder; this is where a plugin's heavy imports happen.

        Raises:
            PluginError: The loader names something that is not there.
        """
        return _load(f"the {self.kind} {self.name!r}", self.loader)


@frozen(kw_only=True)
class TaskOffer:
    """One real task that policies can be evaluated in.

    Args:
        name: Name by which manifests ask for it, lower case with hyphens, unique among tasks.
        summary: One line for listings.
        observation_size: Width of the task's own observation.
        action_size: Width of the task's own action.
        returns: Lowest and highest return of an episode, in points.
        loader: Where the builder is, as ``package.module:attribute``; imported only when episodes are played. It is
            called as ``builder(task, count, threads, spaces)`` with this offer, the number of episodes, the threads to
            use (0 for one per CPU) and the sizes to pad to, and returns a `rephase.protocols.BatchedEnvironment`;
            `rephase.environments.Lockstep` makes one of Gymnasium's or dm_control's environments.
        episode_steps: Agent steps of an episode.
        index: Row of the task in the embedding of a world model. 0 to 29 are the log's tasks, 30 is the first free
            one; two tasks of one phase may not have the same.
    """

    name: str = field(validator=validators.matches_re(_NAME))
    summary: str
    observation_size: int = field(validator=validators.ge(1))
    action_size: int = field(validator=validators.ge(1))
    returns: tuple[float, float]
    loader: str = field(validator=validators.matches_re(_LOADER))
    episode_steps: int = field(default=500, validator=validators.ge(1))
    index: int = field(default=30, validator=[validators.ge(0), validators.lt(1000)])

    def __attrs_post_init__(self) -> None:
        if not self.returns[0] < self.returns[1]:
            raise ValueError(f"the range of return of {self.name!r} is {self.returns}, expected the lower one first")

    def load(self) -> Callable[..., Any]:
        """Import the builder; this is where a task's simulator may be imported.

        Raises:
            PluginError: The loader names something that is not there.
        """
        return _load(f"the task {self.name!r}", self.loader)


@frozen
class TrackerOffer:
    """One tracker a plugin can build.

    Args:
        name: Name by which ``rephase run --track`` asks for it, lower case with hyphens, unique among trackers.
        summary: One line for listings.
        loader: Where the builder is, as ``package.module:attribute``; imported only when the tracker is wanted. It is
            called as ``builder(folder)`` with a folder to write in, not made yet, and returns a
            `rephase.protocols.Tracker`.
    """

    name: str = field(validator=validators.matches_re(_NAME))
    summary: str
    loader: str = field(validator=validators.matches_re(_LOADER))

    def load(self) -> Callable[..., Any]:
        """Import the builder; this is where a tracker's heavy imports happen.

        Raises:
            PluginError: The loader names something that is not there.
        """
        return _load(f"the tracker {self.name!r}", self.loader)


@frozen
class PhasesOffer:
    """Phases that a distribution ships.

    Args:
        package: Importable name of the package in whose folder ``reproductions`` lies, with a folder for each phase as
            in any project. It is not imported.
        summary: One line for listings.
    """

    package: str = field(validator=validators.matches_re(_PACKAGE))
    summary: str

    @property
    def name(self) -> str:
        """What listings call it."""
        return self.package


@frozen
class SectionOffer:
    """One section of a report.

    Args:
        name: Name by which ``rephase report --section`` asks for it, lower case with hyphens, unique among sections.
        summary: One line for listings.
        loader: Where the builder is, as ``package.module:attribute``; imported only when a report wants it. It is
            called as ``builder(phase, records, verdict)`` with plain values and returns a
            `rephase.protocols.ReportSection`, or None where it has nothing to say.
    """

    name: str = field(validator=validators.matches_re(_NAME))
    summary: str
    loader: str = field(validator=validators.matches_re(_LOADER))

    def load(self) -> Callable[..., Any]:
        """Import the builder.

        Raises:
            PluginError: The loader names something that is not there.
        """
        return _load(f"the section {self.name!r}", self.loader)


class ImageKind(StrEnum):
    """What an engine starts a job from; the value is the word used in listings."""

    FILE = "file"
    REFERENCE = "reference"


@frozen(kw_only=True)
class RunnerOffer:
    """One engine that jobs can be handed to.

    Args:
        name: Name by which ``rephase submit --runner`` and site profiles ask for it, lower case with hyphens, unique
            among runners.
        summary: One line for listings.
        options: Frozen attrs class of what a site may set apart from resources; importable where the engine is not.
        loader: Where the builder is, as ``package.module:attribute``; imported only when the runner is wanted. It is
            called as ``builder(options)`` and returns a `rephase.protocols.Runner`.
        image: FILE where jobs start from an image file that the engine sees; REFERENCE where they start from a
            registry's image by its digest, ``registry/name@sha256:...``.
        can_wait: Whether a job can start after others have ended, so that a check follows the runs.
    """

    name: str = field(validator=validators.matches_re(_NAME))
    summary: str
    options: type
    loader: str = field(validator=validators.matches_re(_LOADER))
    image: ImageKind = ImageKind.FILE
    can_wait: bool = True

    def load(self) -> Callable[..., Any]:
        """Import the builder; this is where a runner's own imports happen.

        Raises:
            PluginError: The loader names something that is not there.
        """
        return _load(f"the runner {self.name!r}", self.loader)


def _load(what: str, loader: str) -> Callable[..., Any]:
    module, attribute = loader.split(":")
    try:
        builder = ask(lambda: getattr(import_module(module), attribute))
    except Failed as failed:
        raise PluginError(
            f"{what} cannot be loaded: {failed}",
            where=loader,
            remedy="install what its plugin needs, or fix the plugin",
        ) from failed
    return cast("Callable[..., Any]", builder)
