"""What policies return before their first update: the measure of whether a recorded value shows any learning.

Imports torch only where something is played.
"""

from __future__ import annotations

import copy
import statistics
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rephase.manifest import Phase, Run
from rephase.manifest.outcomes import UNTRAINED, Outcome

if TYPE_CHECKING:
    from rephase.environments import TaskSet
    from rephase.protocols import Spaces, WorldModel
    from rephase.reproduction.composing import Composition

__all__ = ["untrained_outcomes"]


def untrained_outcomes(phase: Phase, runs: Sequence[Run], say: Callable[[str], None]) -> tuple[Outcome, ...]:
    """Play the protocol's episodes with each run's policy as the run draws it.

    World models that a run trains are as it draws them, too, calibrated on its episodes where they want that; only
    inputs that this takes are read.

    Args:
        phase: The phase.
        runs: The runs.
        say: Called with a line before each run.

    Returns:
        One row a run, whose source is `UNTRAINED`, with no epochs.

    Raises:
        CannotRunHere: An input is not there.
        InputMismatch: An input is not the pinned one.
        PluginError: A part cannot be built.
    """
    from rephase.engine.learner import action_masks
    from rephase.engine.seeding import stream
    from rephase.plugins.registry import discover
    from rephase.reproduction.composing import build_policy, compose
    from rephase.reproduction.evaluating import play_alone
    from rephase.reproduction.phases import tasks_of
    from rephase.reproduction.trained import acting, sees_no_padding

    compositions = compose(phase, discover(phase.manifest.plugins), sorted({run.config for run in runs}))
    tasks = tasks_of(phase)
    rows = []
    for run in runs:
        episodes = phase.manifest.evaluation.episodes
        say(f"{run.label}: {episodes} episodes before its first update")
        world_model = _world_model(phase, run, tasks, compositions[run.config])
        policy = build_policy(compositions[run.config].policy, world_model.latent_size(), tasks.spaces.action)
        policy.initialise(stream(run.seed, "policy"))
        mask = action_masks(tasks.spaces) if sees_no_padding(phase, run.config) else None
        act = acting(world_model, policy, tasks.find(run.task).index, mask)
        returns = play_alone(run, tasks, UNTRAINED, episodes, act)
        rows.append(
            Outcome(
                config=run.config,
                task=run.task,
                seed=run.seed,
                reward=statistics.fmean(returns),
                episode_returns=returns,
                epochs=0,
                config_digest=phase.config_digest(run.config),
                source=UNTRAINED,
            )
        )
    return tuple(rows)


def _world_model(phase: Phase, run: Run, tasks: TaskSet, composition: Composition) -> WorldModel:
    """The run's world model before its first update."""
    from rephase.engine.cohort import Member
    from rephase.engine.seeding import stream
    from rephase.reproduction.assembling import episodes_of
    from rephase.reproduction.composing import build_world_model
    from rephase.reproduction.inputs import verify_input
    from rephase.reproduction.loading import calibrate, load_world_model

    use = phase.manifest.configs[run.config]
    if use.world_model:
        return load_world_model(
            composition, phase.path_of(use.world_model), verify_input(phase, use.world_model), tasks.spaces
        )
    model = build_world_model(composition.world_model, tasks.spaces)
    model.initialise(stream(run.seed, "world-model"))
    member = Member(tasks.find(run.task).index, run.seed)
    if _heeds_observations(model, tasks.spaces, member.task):
        inputs = {name: verify_input(phase, name) for name in use.transitions}
        [episodes] = episodes_of(phase, run.config, inputs, [member], tasks)
        calibrate(model, member, episodes)
    return model


def _heeds_observations(model: WorldModel, spaces: Spaces, task: int) -> bool:
    """Whether calibrating would change the model; where it would not, no episodes are needed."""
    import torch

    from rephase.protocols import Calibrated

    if not isinstance(model, Calibrated):
        return False
    tried = copy.deepcopy(model)
    size = (spaces.observation,)
    tried.calibrate(torch.full(size, 0.5), torch.full(size, 2.0), task)
    before, after = model.state_dict(), tried.state_dict()  # type: ignore[attr-defined]  # every model is a module
    return any(not torch.equal(before[name], after[name]) for name in before)
