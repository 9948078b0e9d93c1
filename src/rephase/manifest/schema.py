"""What a manifest says: a phase at a scale, as plain frozen values.

These classes know what may stand in each place, not where files lie or what plugins offer: `rephase.manifest.files`
reads them and checks names across them, `rephase.reproduction.composing` checks them against what is installed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from attrs import Attribute, field, frozen, validators

from rephase.manifest.algorithm import Algorithm, Arithmetic
from rephase.manifest.hashing import is_digest
from rephase.manifest.rules import VerdictRules

__all__ = [
    "PENDING",
    "SCHEMA_VERSION",
    "Arithmetic",
    "Array",
    "Choice",
    "Config",
    "ConfigUse",
    "Evaluation",
    "Input",
    "Manifest",
    "PartChoice",
    "PlanReward",
    "Planning",
    "Resources",
    "Scale",
]

SCHEMA_VERSION = 1
"""Version of manifests and config files that this code reads."""

PENDING = "pending"
"""What stands in place of a digest that nobody recorded; `Input.pending_because` says why."""

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_WORD = re.compile(r"[A-Za-z0-9_.:-]*")
_AXES = ("task", "config", "seed")


class Scale(StrEnum):
    """How large a phase is run; always named, never swapped silently."""

    EMBEDDED = "embedded"
    LOGGED = "logged"


class PlanReward(StrEnum):
    """What the second reward of a run, which the log calls plan reward, is made by."""

    NONE = "none"
    RE_EVALUATE = "re-evaluate"
    MPPI = "mppi"


def _version(_: Any, attribute: Attribute[int], value: int) -> None:
    if value != SCHEMA_VERSION:
        raise ValueError(f"schema {value} is unknown, this version reads schema {SCHEMA_VERSION}; update rephase")


def _name(_: Any, attribute: Attribute[Any], value: str) -> None:
    if not _NAME.fullmatch(value):
        raise ValueError(f"expected a name, found {value!r}; use lower-case letters, digits and single hyphens")


def _names(_: Any, attribute: Attribute[Mapping[str, Any]], value: Mapping[str, Any]) -> None:
    for name in value:
        _name(None, attribute, name)


def _some(_: Any, attribute: Attribute[Any], value: Any) -> None:
    if not value:
        raise ValueError("expected at least one; name what is to be run")


def _distinct(_: Any, attribute: Attribute[tuple[Any, ...]], value: tuple[Any, ...]) -> None:
    twice = sorted(str(item) for item, count in Counter(value).items() if count > 1)
    if twice:
        raise ValueError(f"{' and '.join(twice)} stands there more than once; keep one")


def _not_negative(_: Any, attribute: Attribute[tuple[int, ...]], value: tuple[int, ...]) -> None:
    low = [item for item in value if item < 0]
    if low:
        raise ValueError(f"seed {low[0]} is negative; use 0 or more")


def _axes(_: Any, attribute: Attribute[tuple[str, ...]], value: tuple[str, ...]) -> None:
    if not set(value) <= set(_AXES) or not {"task", "seed"} <= set(value):
        raise ValueError(
            f"expected 'task', 'seed' and, with several configs, 'config', found {list(value)}; reorder them"
        )


def _word(_: Any, attribute: Attribute[str], value: str) -> None:
    if not _WORD.fullmatch(value):
        raise ValueError(f"{value!r} may hold only letters, digits and _ . : -; take the rest out")


def _digest(_: Any, attribute: Attribute[str], value: str) -> None:
    if value != PENDING and not is_digest(value):
        raise ValueError(
            f"expected sha256:<64 hex digits> or {PENDING!r}, found {value!r}; 'sha256sum FILE' computes it"
        )


@frozen(kw_only=True)
class Choice:
    """A part named for use, with its settings as written.

    Args:
        part: Name the part is offered by.
        settings: Settings of the part; checked against the offer's config class when it is known.
    """

    part: str
    settings: Mapping[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class PartChoice(Choice):
    """A world model or policy named for use.

    Args:
        part: Name the part is offered by.
        settings: Settings of the part.
        integrator: The ODE method it steps with; None for a part that takes none.
    """

    integrator: Choice | None = None


@frozen(kw_only=True)
class Config:
    """One configuration of the log: which world model and which policy. Lives in a file of its own.

    Args:
        schema: Version of the file's shape.
        name: The log's name for it.
        title: One line for people.
        world_model: World model and settings.
        policy: Policy and settings.
    """

    schema: int = field(validator=_version)
    name: str
    title: str
    world_model: PartChoice
    policy: PartChoice


@frozen(kw_only=True)
class ConfigUse:
    """How a phase uses a configuration.

    Args:
        file: The configuration's file, relative to the manifest; like every path here it must end, links followed, in
            the project's ``reproductions`` or ``inputs`` or in a folder named in ``$REPHASE_INPUTS``.
        world_model: Input with the world model's weights; empty where it is trained from scratch.
        start_states: Input with the start observations policies are trained from, shared by all runs; empty where
            every run draws them afresh from its own choice of the episodes in ``transitions``, as the logged code did.
        transitions: Inputs with episodes: files of them, or a store's index. Where the world model trains, slices are
            drawn from them.
        title: One line for tables, such as ``flow policy``; the config's name when empty.
        overrides: Values by dotted path into the config file, such as ``"policy.settings.substeps" = 4``; this is
            how a variation of a configuration is named.
        algorithm: Values by dotted path into the manifest's algorithm, such as ``"variants.reward_loss"``, where this
            configuration is trained otherwise than the rest.
        resources: What a job of it asks for where that differs from the manifest's resources.
    """

    file: str
    world_model: str = "world-model"
    start_states: str = "start-states"
    transitions: tuple[str, ...] = field(default=(), validator=_distinct)
    title: str = ""
    overrides: Mapping[str, Any] = field(factory=dict)
    algorithm: Mapping[str, Any] = field(factory=dict)
    resources: Mapping[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class Input:
    """A file a phase needs, pinned by digest.

    Args:
        sha256: Digest of the file, or `PENDING` where nobody recorded it.
        size: Its bytes; 0 where nobody recorded them. A file of another size is refused before it is hashed.
        pinned_from: Who published digest and size, where the file is not the project's own.
        path: Where it lies, relative to the manifest and inside the project or a folder named in ``$REPHASE_INPUTS``;
            for hub files, where fetching puts it.
        pending_because: Why there is no digest; needed exactly with `PENDING`.
        url: Where it can be fetched from.
        repo: Repository on the hub.
        repo_type: ``model`` or ``dataset``.
        revision: Commit of the repository.
        filename: File within the repository.
        made_by: Command that makes it from other inputs, where it is neither shipped nor fetched.
        made_from: Names of those inputs.
        about: One line for people.
    """

    sha256: str = field(validator=_digest)
    path: str
    size: int = field(default=0, validator=validators.ge(0))
    pinned_from: str = ""
    pending_because: str = ""
    url: str = ""
    repo: str = ""
    repo_type: str = field(default="model", validator=validators.in_(("model", "dataset")))
    revision: str = ""
    filename: str = ""
    made_by: str = ""
    made_from: tuple[str, ...] = field(default=(), validator=_distinct)
    about: str = ""

    @property
    def pending(self) -> bool:
        """Whether nobody recorded this file's digest."""
        return self.sha256 == PENDING


@frozen(kw_only=True)
class Planning:
    """How actions are planned inside the world model, where the second evaluation plans (`plan = "mppi"`).

    Args:
        horizon: Agent steps looked ahead before the critics' value stands for the rest.
        samples: Action sequences of one iteration, those of the policy included.
        policy_samples: How many of them follow the policy, with its own noise.
        elites: The best sequences that the next distribution is fitted to.
        iterations: Times the distribution is fitted anew for one step.
        temperature: How sharply better elites count more.
        lowest_std: Smallest standard deviation of an action entry.
        highest_std: Largest one, and the first.
    """

    horizon: int = field(default=3, validator=validators.gt(0))
    samples: int = field(default=64, validator=validators.gt(0))
    policy_samples: int = field(default=8, validator=validators.ge(0))
    elites: int = field(default=8, validator=validators.gt(0))
    iterations: int = field(default=3, validator=validators.gt(0))
    temperature: float = field(default=0.5, validator=validators.gt(0.0))
    lowest_std: float = field(default=0.05, validator=validators.gt(0.0))
    highest_std: float = field(default=0.5, validator=validators.gt(0.0))

    @elites.validator
    def _among_samples(self, attribute: Attribute[int], value: int) -> None:
        if value > self.samples:
            raise ValueError(f"{value} elites of {self.samples} samples; take fewer elites or more samples")

    @policy_samples.validator
    def _part_of_samples(self, attribute: Attribute[int], value: int) -> None:
        if value > self.samples:
            raise ValueError(f"{value} of {self.samples} samples follow the policy; take fewer of them")


@frozen(kw_only=True)
class Evaluation:
    """How policies are evaluated in the real task.

    Args:
        episodes: Episodes of one evaluation.
        every: Epochs between evaluations during training; 0 for none but the last.
        curve_episodes: Episodes of an evaluation during training; 0 for as many as the last has.
        plan_episodes: Episodes of the second evaluation; 0 for as many as the first has.
        plan: What the second reward is made by.
        planning: How it plans, where it does.
    """

    episodes: int = field(default=10, validator=validators.gt(0))
    every: int = field(default=200, validator=validators.ge(0))
    curve_episodes: int = field(default=0, validator=validators.ge(0))
    plan_episodes: int = field(default=0, validator=validators.ge(0))
    plan: PlanReward = PlanReward.RE_EVALUATE
    planning: Planning = field(factory=Planning)


@frozen(kw_only=True)
class Resources:
    """What one job asks a cluster for; not part of a manifest's digest.

    Args:
        partition: Queue.
        gpu: GPU model; empty for none.
        gpus: Number of such GPUs.
        cpus: CPU cores.
        memory: Memory, such as ``450GB``.
        time: Longest time, such as ``16h``.
        account: Account to charge; empty for the user's own.
    """

    partition: str = field(default="", validator=_word)
    gpu: str = field(default="", validator=_word)
    gpus: int = field(default=1, validator=validators.gt(0))
    cpus: int = field(default=1, validator=validators.gt(0))
    memory: str = field(default="4GB", validator=_word)
    time: str = field(default="1h", validator=_word)
    account: str = field(default="", validator=_word)


@frozen(kw_only=True)
class Array:
    """One job array: which runs, and in which order its indices count them.

    Args:
        configs: Configurations in it.
        order: Axes from the slowest to the fastest; ``config`` may be left out where there is one.
    """

    configs: tuple[str, ...] = field(validator=[_some, _distinct])
    order: tuple[str, ...] = field(default=("task", "seed"), validator=[_distinct, _axes])


@frozen(kw_only=True)
class Manifest:
    """A phase at a scale: everything that is fixed before a run starts.

    Args:
        schema: Version of the file's shape.
        phase: Name of the phase, such as ``phase3``.
        scale: How large it is run.
        title: One line for people.
        question: What the phase asks.
        not_this: What this scale is not, in a sentence; needed at the embedded scale.
        tasks: Names of tasks.
        seeds: Seeds of every cell.
        extension_seeds: Seeds declared beforehand for the one extension of an inconclusive phase.
        reference_seeds: Further seeds that only the reference execution runs, so that more is recorded than a rerun
            takes; no part of the digest, because they change nothing of what a rerun computes.
        plugins: Version specifier by distribution; no other plugin is loaded.
        inputs: Files by name.
        configs: Configurations by the name the phase gives them.
        algorithm: How policies are extracted.
        arithmetic: Whether CPUs compute the same bits everywhere; where it is left out, they do at the embedded scale.
        evaluation: How they are evaluated.
        verdict: What the outcome is judged by.
        recorded: File of recorded outcomes, relative to the manifest and inside the project.
        resources: What one job asks for.
        arrays: Job arrays by name; one for each config when empty.
    """

    schema: int = field(validator=_version)
    phase: str = field(validator=_name)
    scale: Scale
    title: str
    question: str = ""
    not_this: str = ""
    tasks: tuple[str, ...] = field(validator=[_some, _distinct])
    seeds: tuple[int, ...] = field(validator=[_some, _distinct, _not_negative])
    extension_seeds: tuple[int, ...] = field(default=(), validator=[_distinct, _not_negative])
    reference_seeds: tuple[int, ...] = field(default=(), validator=[_distinct, _not_negative])
    plugins: Mapping[str, str]
    inputs: Mapping[str, Input] = field(factory=dict, validator=_names)
    configs: Mapping[str, ConfigUse] = field(validator=[_some, _names])
    algorithm: Algorithm = field(factory=Algorithm)
    arithmetic: Arithmetic | None = None
    evaluation: Evaluation = field(factory=Evaluation)
    verdict: VerdictRules = field(factory=VerdictRules)
    recorded: str = ""
    resources: Resources = field(factory=Resources)
    arrays: Mapping[str, Array] = field(factory=dict, validator=_names)
