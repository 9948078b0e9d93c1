"""Putting a cohort together: the parts of a config, the inputs they need, and the runs.

Imports torch; `rephase.reproduction.training` is who needs it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from rephase.engine.cohort import Cohort, Member
from rephase.engine.drawing import SliceSource
from rephase.environments import TaskSet
from rephase.manifest import Phase, Run
from rephase.manifest.pins import pin_of
from rephase.protocols import WorldModel
from rephase.reproduction.composing import Composition, build_policy
from rephase.reproduction.loading import load_start_states, load_transitions, load_world_model, own_world_models
from rephase.reproduction.phases import tasks_of

__all__ = ["build_cohort", "episodes_of"]


def build_cohort(
    phase: Phase,
    config: str,
    runs: Sequence[Run],
    composition: Composition,
    inputs: Mapping[str, str],
    device: str,
) -> Cohort:
    """Runs of one config, at their first epoch.

    Args:
        phase: The phase.
        config: Name of the config.
        runs: The runs, all of this config.
        composition: Its parts.
        inputs: Digest of each input, already verified.
        device: Where to compute.
    """
    use, algorithm, tasks = phase.manifest.configs[config], phase.algorithm(config), tasks_of(phase)
    spaces = tasks.spaces
    members = [Member(tasks.find(run.task).index, run.seed) for run in runs]
    models: WorldModel | list[WorldModel]
    experience: Mapping[int, Tensor] | Sequence[SliceSource]
    if algorithm.finetune_world_model:
        experience = episodes_of(phase, config, inputs, members, tasks)
        models = own_world_models(phase, config, composition, inputs, members, experience, spaces)
        size = models[0].latent_size()
    else:
        # The states first: where there are none of a task, the model does not know it either, and they say so better.
        if use.start_states:
            wanted = TaskSet(tuple(tasks.find(name) for name in sorted({run.task for run in runs})))
            starts = load_start_states(phase.path_of(use.start_states), inputs[use.start_states], wanted, spaces)
            experience = {tasks.find(task).index: rows for task, rows in starts.items()}
        else:
            experience = episodes_of(phase, config, inputs, members, tasks)
        models = load_world_model(composition, phase.path_of(use.world_model), inputs[use.world_model], spaces)
        size = models.latent_size()
    return Cohort(
        world_model=models,
        build_policy=lambda: build_policy(composition.policy, size, spaces.action),
        algorithm=algorithm,
        members=members,
        experience=experience,
        spaces=spaces,
        stackable=composition.policy.stackable,
        device=device,
        model_stackable=composition.world_model.stackable,
    )


def episodes_of(
    phase: Phase, config: str, inputs: Mapping[str, str], members: Sequence[Member], tasks: TaskSet
) -> list[SliceSource]:
    """Where each run draws from: its own choice among the episodes of its task.

    Args:
        phase: The phase.
        config: Name of the config.
        inputs: Digest of each of its transitions, already verified.
        members: The runs.
        tasks: The phase's tasks.
    """
    algorithm = phase.algorithm(config)
    names = phase.manifest.configs[config].transitions
    return load_transitions(
        {phase.path_of(name): inputs[name] for name in names},
        members,
        algorithm.variants.episode_sampling,
        algorithm.horizon,
        made_from={phase.path_of(name): _pinned_sources(phase, name) for name in names},
        whole=algorithm.finetune_world_model,
        tasks=tasks,
    )


def _pinned_sources(phase: Phase, name: str) -> dict[str, str]:
    """Digest of each input that this one is made from, by name, as far as they are pinned."""
    found = {source: pin_of(phase, source) for source in phase.input(name).made_from}
    return {source: pin.sha256 for source, pin in found.items() if pin is not None}
