"""What runs begin from, read out of verified input files: world models, start observations and transitions.

Imports torch; nothing is trained or written here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from rephase.engine.checkpoints import read_tensors
from rephase.engine.cohort import Member
from rephase.engine.drawing import SliceSource
from rephase.engine.pretraining import EpisodePool
from rephase.engine.seeding import stream
from rephase.engine.store import EpisodeStore
from rephase.environments import SPACES, SUITE, TaskSet
from rephase.errors import CheckpointError, InputMismatch
from rephase.manifest import Phase
from rephase.manifest.algorithm import Variant
from rephase.protocols import Calibrated, Spaces, StepCalibrated, WorldModel
from rephase.reproduction.composing import Composition, build_world_model
from rephase.reproduction.weights import world_model_tensors

__all__ = ["calibrate", "load_start_states", "load_transitions", "load_world_model", "own_world_models"]

_EPISODES = ".safetensors"
_CALIBRATION_ROWS = 10_000
_STANDS_STILL = 1e-6


def own_world_models(
    phase: Phase,
    config: str,
    composition: Composition,
    inputs: Mapping[str, str],
    members: Sequence[Member],
    sources: Sequence[SliceSource],
    spaces: Spaces = SPACES,
) -> list[WorldModel]:
    """One world model for each run of a config that trains it: its input's, or drawn by seed and calibrated.

    Args:
        phase: The phase.
        config: Name of the config.
        composition: Its parts.
        inputs: Digest of each input.
        members: The runs.
        sources: Each run's episodes.
        spaces: Sizes that the phase's tasks share.

    Raises:
        CheckpointError: The file's parameters are not the model's.
    """
    source = phase.manifest.configs[config].world_model
    if source:
        return [load_world_model(composition, phase.path_of(source), inputs[source], spaces) for _ in members]
    models = []
    for member, episodes in zip(members, sources, strict=True):
        model = build_world_model(composition.world_model, spaces)
        model.initialise(stream(member.seed, "world-model"))
        calibrate(model, member, episodes)
        models.append(model)
    return models


def calibrate(model: WorldModel, member: Member, episodes: SliceSource) -> None:
    """Tell a model that wants to know it how the observations of its run's episodes are spread.

    Args:
        model: The run's world model.
        member: The run.
        episodes: Its episodes, of which 10,000 observations are drawn by a stream of their own.
    """
    if isinstance(model, Calibrated):
        observation, following = episodes.draw(_CALIBRATION_ROWS, 1, stream(member.seed, "calibration"))[0]
        model.calibrate(observation.mean(0), _deviation(observation), member.task)
        if isinstance(model, StepCalibrated):
            model.calibrate_steps(_deviation(following - observation), member.task)


def _deviation(rows: Tensor) -> Tensor:
    """Standard deviation (S,) of rows (n, S), 1 where it is none."""
    deviation = rows.std(0)
    # Padding and what stands still are left as they are, not blown up.
    return torch.where(deviation > _STANDS_STILL, deviation, 1.0)


def load_world_model(composition: Composition, path: Path, digest: str, spaces: Spaces = SPACES) -> WorldModel:
    """Build a config's world model and give it the parameters in a file.

    Args:
        composition: The config's parts.
        path: Safetensors file with one tensor a parameter, or a published ``.pt`` checkpoint.
        digest: What the file's digest must be.
        spaces: Sizes that the phase's tasks share.

    Raises:
        CheckpointError: The file's parameters are not the model's.
    """
    model = build_world_model(composition.world_model, spaces)
    assert isinstance(model, nn.Module)
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    tensors = world_model_tensors(path, digest, wanted)
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    if wrong := sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name)):
        name = wrong[0]
        raise CheckpointError(
            f"{len(wrong)} parameters do not fit the {composition.world_model.offered.offer.name!r} world model, "
            f"the first: {name} is {found.get(name, 'missing')}, expected {wanted.get(name, 'none of that name')}",
            where=str(path),
            remedy="compare the config's world_model.settings with the file",
        )
    model.load_state_dict(tensors)
    return model


def load_start_states(path: Path, digest: str, tasks: TaskSet, spaces: Spaces = SPACES) -> dict[str, Tensor]:
    """Read the observations policies are trained from.

    Args:
        path: Safetensors file with ``observations`` (n, S) and the task index of each, ``tasks`` (n,).
        digest: What the file's digest must be.
        tasks: The tasks wanted.
        spaces: Sizes that the phase's tasks share.

    Returns:
        Observations (n, S) float32 by task.

    Raises:
        CheckpointError: The file is of another shape, or has none of a task.
    """
    tensors, _ = read_tensors(path, digest)
    shapes = {name: tuple(tensors[name].shape) if name in tensors else () for name in ("observations", "tasks")}
    rows = shapes["tasks"][:1]
    for task in tasks:
        if len(rows) == 1 and not (tensors["tasks"] == task.index).any():
            raise CheckpointError(
                f"no start states of {task.name!r}, so that the world model beside them does not know it either",
                where=str(path),
                remedy=f"'rephase pretrain my-{task.name} --task {task.name}' makes both for it",
            )
    if len(rows) != 1 or shapes["observations"] != (*rows, spaces.observation):
        raise CheckpointError(
            f"observations are {shapes['observations']} and tasks {shapes['tasks']}, "
            f"expected (n, {spaces.observation}) and (n,)",
            where=str(path),
            remedy="write both tensors, one row a start state",
        )
    return {task.name: tensors["observations"][tensors["tasks"] == task.index].float() for task in tasks}


def load_transitions(
    files: Mapping[Path, str],
    members: Sequence[Member],
    sampling: Variant,
    horizon: int,
    made_from: Mapping[Path, Mapping[str, str]] | None = None,
    whole: bool = True,
    tasks: TaskSet = SUITE,
) -> list[SliceSource]:
    """Where each run draws slices or start states of its own task from.

    Of a store, the arrays that these runs read are verified against its index.

    Args:
        files: Digest of each file: safetensors files with the episodes of one task (``observations`` (E, T+1, S),
            ``actions`` (E, T, A), ``rewards`` (E, T) and the index of the ``task`` as metadata), or the index of a
            store that ``rephase import-dataset`` wrote.
        members: The runs.
        sampling: Whether each run redraws its episodes with replacement first, as the logged code did.
        horizon: Steps H of a slice.
        made_from: By store, the digests its source files must have, by the input's name; a store that is not named,
            or of whose sources none is pinned, may come from anywhere.
        whole: Whether slices will be drawn; else only start states, which need only observations.
        tasks: The tasks that the members' rows stand for.

    Returns:
        One source a run.

    Raises:
        InputMismatch: A file is not the one that was pinned, or a store was made from other files.
        CheckpointError: A file holds no episodes of that shape, or there are none of a task.
        DatasetError: A store is damaged.
    """
    sources = made_from or {}
    stores = [_store(path, digest, sources.get(path, {})) for path, digest in files.items() if path.suffix != _EPISODES]
    for store in stores:
        store.verify({member.task for member in members} & set(store.tasks), whole=whole)
    episodes = dict(
        _episodes(path, digest, horizon, tasks.spaces) for path, digest in files.items() if path.suffix == _EPISODES
    )
    where = ", ".join(map(str, files))
    return [_source(member, tasks.at(member.task).name, stores, episodes, sampling, where) for member in members]


class _StoreSlices:
    """Some episodes of one task of a store."""

    def __init__(self, store: EpisodeStore, task: int, among: Tensor) -> None:
        self._store = store
        self._task = task
        self._among = among

    def draw(self, count: int, horizon: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Draw observations (H+1, B, S), actions (H, B, A), rewards (H, B) and task indices (B,)."""
        drawn = self._store.slices(self._task, count, horizon, generator, self._among)
        return drawn.observations, drawn.actions, drawn.rewards, drawn.task

    def start_states(self, count: int, horizon: int, generator: torch.Generator) -> Tensor:
        """Draw the first observations (B, S) of what `draw` would draw, and read nothing else."""
        return self._store.starts(self._task, count, horizon, generator, self._among)


def _source(
    member: Member,
    name: str,
    stores: Sequence[EpisodeStore],
    episodes: Mapping[int, tuple[Tensor, Tensor, Tensor]],
    sampling: Variant,
    where: str,
) -> SliceSource:
    task, generator = member.task, stream(member.seed, "episodes")
    for store in stores:
        if task in store.tasks:
            return _StoreSlices(store, task, store.sampled(task, sampling, generator))
    if task not in episodes:
        raise CheckpointError(
            f"no episodes of {name!r}", where=where, remedy="name an input of every task in 'transitions'"
        )
    observations, actions, rewards = episodes[task]
    if sampling is Variant.AS_LOGGED:
        chosen = torch.randint(len(rewards), (len(rewards),), generator=generator)
        observations, actions, rewards = observations[chosen], actions[chosen], rewards[chosen]
    return EpisodePool({task: observations}, {task: actions}, {task: rewards})


def _store(path: Path, digest: str, sources: Mapping[str, str]) -> EpisodeStore:
    store = EpisodeStore(path.parent)
    if store.digest != digest:
        raise InputMismatch(f"is {store.digest}, expected {digest}", where=str(path), remedy="import the dataset again")
    made_from = sorted(one.sha256 for one in store.index.sources)
    if sources and made_from != sorted(sources.values()):
        absent = [name for name, pinned in sources.items() if pinned not in made_from]
        other = [one.name for one in store.index.sources if one.sha256 not in sources.values()]
        problem = f"not from {', '.join(absent)}" if absent else "from one of them twice"
        if other:
            problem += f" but from another {', '.join(other)}"
        raise InputMismatch(
            f"was imported {problem}; the phase pins {len(sources)} files and uses each once",
            where=str(path),
            remedy="move the store away and import the pinned files again",
        )
    return store


def _episodes(path: Path, digest: str, horizon: int, spaces: Spaces) -> tuple[int, tuple[Tensor, Tensor, Tensor]]:
    tensors, metadata = read_tensors(path, digest)
    names = ("observations", "actions", "rewards")
    shapes = [tuple(tensors[name].shape) if name in tensors else () for name in names]
    count, steps = shapes[2] if len(shapes[2]) == 2 else (0, 0)
    expected = [(count, steps + 1, spaces.observation), (count, steps, spaces.action), (count, steps)]
    task = metadata.get("task", "")
    if shapes != expected or not count or not task.isdecimal() or int(task) >= spaces.tasks:
        raise CheckpointError(
            f"task {task!r} with observations {shapes[0]}, actions {shapes[1]} and rewards {shapes[2]}, expected a "
            f"task's index with (E, T+1, {spaces.observation}), (E, T, {spaces.action}) and (E, T)",
            where=str(path),
            remedy="write whole episodes of one task",
        )
    if steps < horizon:
        raise CheckpointError(
            f"episodes of {steps} steps hold no stretch of {horizon}", where=str(path), remedy="shorten the horizon"
        )
    observations, actions, rewards = (tensors[name].float() for name in names)
    return int(task), (observations, actions, rewards)
