"""From a manifest to parts: who offers each, whether its settings fit, and how it is built.

An integrator is handed to the part that steps with it; plugins never meet. Checking needs no torch; building does.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from attrs import frozen

from rephase.errors import ManifestError, PluginError, Problem, RephaseError, UnknownName
from rephase.manifest import Phase
from rephase.manifest.files import displayed
from rephase.manifest.reading import structure
from rephase.manifest.schema import Choice, Config, PartChoice
from rephase.plugins import Kind
from rephase.plugins.registry import Offered, Registry
from rephase.plugins.strangers import Failed, ask, shown

if TYPE_CHECKING:
    from rephase.protocols import Integrator, Policy, Spaces, WorldModel

__all__ = ["Composition", "Part", "build_policy", "build_world_model", "compose", "compose_config"]


@frozen(eq=False)
class Part:
    """A part that is known to be offered and whose settings fit.

    Args:
        offered: The offer and its owner.
        settings: Object of the offer's config class.
        integrator: The ODE method it steps with; None for a part that takes none.
    """

    offered: Offered
    settings: Any
    integrator: Part | None = None

    @property
    def stackable(self) -> bool:
        """Whether copies of it may run as one program."""
        return self.offered.offer.stackable and (self.integrator is None or self.integrator.stackable)


@frozen(eq=False)
class Composition:
    """The parts of one config."""

    world_model: Part
    policy: Part

    @property
    def owners(self) -> str:
        """Who offers the world model and the policy, in words."""
        return " and ".join(sorted({str(part.offered.source) for part in (self.world_model, self.policy)}))

    def blamed(self, error: BaseException) -> PluginError | None:
        """An error that came out of a part's own code, said of its plugin; None where it came from elsewhere.

        A machine that is out of memory is nobody's fault, wherever it was noticed.
        """
        if isinstance(error, (RephaseError, MemoryError)) or type(error).__name__ == "OutOfMemoryError":
            return None
        parts = [self.world_model, self.policy, self.world_model.integrator, self.policy.integrator]
        homes = {part.offered.offer.loader.partition(".")[0].partition(":")[0]: part for part in parts if part}
        modules = [str(frame.f_globals.get("__name__", "")) for frame, _ in traceback.walk_tb(error.__traceback__)]
        for module in reversed(modules):
            if (part := homes.get(module.partition(".")[0])) is not None:
                offer, what = part.offered.offer, f"{type(error).__name__}: {shown(error, str)}"
                return PluginError(
                    f"the {offer.kind.value} {offer.name!r} failed in a run: {what}",
                    where=str(part.offered.source),
                    remedy="its own tests with the conformance kit say which rule it breaks",
                )
        return None


def compose(phase: Phase, registry: Registry, configs: Iterable[str] | None = None) -> dict[str, Composition]:
    """Find and check the parts of a phase's configs, without importing what builds them.

    Args:
        phase: The phase.
        registry: The plugins it may use.
        configs: Which configs; None for all.

    Returns:
        The parts of each config.

    Raises:
        ManifestError: A name nobody offers, or settings that do not fit: all problems of a config's file.
        PluginError: Plugins collide over a name.
    """
    return {name: _compose_one(phase, name, registry) for name in (phase.configs if configs is None else configs)}


def build_world_model(part: Part, spaces: Spaces) -> WorldModel:
    """Build a world model, its parameters not yet set.

    Args:
        part: What to build.
        spaces: Sizes of the task suite.

    Raises:
        PluginError: The part cannot be loaded, or refuses to be of these sizes.
    """
    from rephase.protocols import WorldModel

    return cast("WorldModel", _fitting(part, _built(part, spaces, _built_integrator(part)), WorldModel))


def build_policy(part: Part, latent_size: int, action_size: int) -> Policy:
    """Build one run's policy, its parameters not yet set.

    Args:
        part: What to build.
        latent_size: Width L of a latent.
        action_size: Width A of an action.

    Raises:
        PluginError: The part cannot be loaded, or refuses to be of these sizes.
    """
    from rephase.protocols import Policy

    return cast("Policy", _fitting(part, _built(part, latent_size, action_size, _built_integrator(part)), Policy))


def _built_integrator(part: Part) -> Integrator | None:
    if part.integrator is None:
        return None
    from rephase.protocols import Integrator

    return cast("Integrator", _fitting(part.integrator, _built(part.integrator), Integrator))


def _fitting(part: Part, built: object, protocol: type) -> object:
    """What a builder returned, if it has what its kind must have."""
    offer = part.offered.offer
    lacks = [name for name in vars(protocol) if not name.startswith("_") and not hasattr(type(built), name)]
    lacks = [name for name in lacks if name not in vars(built)] if hasattr(built, "__dict__") else lacks
    problem = f"has no {' and no '.join(lacks)}" if lacks else ""
    if offer.kind is Kind.WORLD_MODEL and not lacks:
        from rephase.protocols import OwnRewards, TwoHotRewards

        if not isinstance(built, OwnRewards | TwoHotRewards):
            problem = "has neither reward_bins nor both decode_reward and reward_loss"
    if offer.kind is not Kind.INTEGRATOR:
        from torch import nn

        if not isinstance(built, nn.Module):
            problem = "is no torch.nn.Module"
    if problem:
        raise PluginError(
            f"the {offer.kind.value} {offer.name!r} is built as {type(built).__name__}, which {problem}",
            where=str(part.offered.source),
            remedy=f"build what rephase.protocols.{protocol.__name__} describes; its conformance kit checks it",
        )
    return built


def _built(part: Part, *sizes: object) -> object:
    offer, where = part.offered.offer, str(part.offered.source)
    try:
        builder = offer.load()
    except PluginError as error:
        raise PluginError(error.problem, where=where, remedy=error.remedy) from error
    what = f"the {offer.kind.value} {offer.name!r}"
    try:
        return ask(lambda: builder(part.settings, *sizes))
    except Failed as failed:
        if isinstance(failed.__cause__, RephaseError):
            raise failed.__cause__ from None
        if isinstance(failed.__cause__, ValueError):
            problem, remedy = shown(failed.__cause__, str), "change its settings in the config"
        else:
            problem, remedy = str(failed), "fix the plugin, or name another part"
        raise PluginError(f"{what} cannot be built: {problem}", where=where, remedy=remedy) from failed


def _compose_one(phase: Phase, name: str, registry: Registry) -> Composition:
    return compose_config(phase.configs[name], registry, displayed(phase.file_of(name)))


def compose_config(config: Config, registry: Registry, where: str) -> Composition:
    """Find and check the parts of one config.

    Args:
        config: The config.
        registry: The plugins it may use.
        where: What it is called in messages.

    Raises:
        ManifestError: A name nobody offers, or settings that do not fit: all problems.
        PluginError: Plugins collide over a name.
    """
    problems: list[Problem] = []
    world_model = _part(Kind.WORLD_MODEL, config.world_model, "world_model", registry, problems)
    policy = _part(Kind.POLICY, config.policy, "policy", registry, problems)
    if problems or world_model is None or policy is None:
        raise ManifestError(where, problems)
    return Composition(world_model, policy)


def _part(kind: Kind, choice: Choice, at: str, registry: Registry, problems: list[Problem]) -> Part | None:
    try:
        offered = registry.find(kind, choice.part)
    except UnknownName as error:
        hidden = [source.distribution for source in registry.blocked]
        remedy = error.remedy
        if hidden and not error.near:
            remedy += f"; installed but not among the manifest's plugins: {', '.join(hidden)}"
        problems.append(Problem(f"{at}.part", error.problem, remedy))
        return None
    settings = _settings(offered, choice.settings, at, problems)
    integrator = None
    if isinstance(choice, PartChoice):
        takes = offered.offer.takes_integrator
        if takes and choice.integrator is None:
            problems.append(Problem(f"{at}.integrator", "missing key", f"{choice.part!r} needs one: name it"))
        elif not takes and choice.integrator is not None:
            problems.append(Problem(f"{at}.integrator", f"{choice.part!r} takes no integrator", "remove it"))
        elif choice.integrator is not None:
            integrator = _part(Kind.INTEGRATOR, choice.integrator, f"{at}.integrator", registry, problems)
    return None if settings is None else Part(offered, settings, integrator)


def _settings(offered: Offered, written: Mapping[str, Any], at: str, problems: list[Problem]) -> Any:
    try:
        return structure(written, offered.offer.config, "", f"{at}.settings")
    except ManifestError as error:
        problems.extend(error.problems)
        return None
