"""Policies extracted in a frozen world model, and what they do in the real tasks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from attrs import frozen
from rephase_mlp.offers import GaussianPolicyConfig
from rephase_mlp.policy import GaussianPolicy
from rephase_mlp.world_model import MLPWorldModel
from torch import Tensor

from recipe.episodes import Episodes, Recorder
from rephase.engine.cohort import Cohort, Member
from rephase.engine.evaluation import evaluate
from rephase.engine.seeding import stream, stream_seed
from rephase.environments import SPACES, TASKS, make
from rephase.manifest.algorithm import Algorithm

__all__ = ["Played", "begin", "play", "start_states"]


@frozen(eq=False)
class Played:
    """What the policies of a cohort did in their real tasks.

    Args:
        episodes: All episodes, by task index.
        returns: Real returns, (R, E).
        predicted: Returns the world model predicts from the same first observations without noise, (R, E).
    """

    episodes: dict[int, Episodes]
    returns: Tensor
    predicted: Tensor


def start_states(episodes: dict[int, Episodes], count: int, seed: int) -> dict[int, Tensor]:
    """Observations of each task to start imagining from, (n, S): drawn without replacement from all episodes."""
    starts = {}
    for task, own in sorted(episodes.items()):
        observations = own.observations[:, :-1].flatten(0, 1)
        rows = torch.randperm(observations.shape[0], generator=stream(seed, f"start-states/{task}"))[:count]
        starts[task] = observations[rows]
    return starts


def begin(
    model: MLPWorldModel,
    members: Sequence[Member],
    algorithm: Algorithm,
    policy_units: tuple[int, ...],
    starts: dict[int, Tensor],
) -> Cohort:
    """A cohort of one Gaussian policy for each member, before its first epoch.

    Args:
        model: The world model; frozen here.
        members: Tasks and seeds.
        algorithm: How the policies will be extracted.
        policy_units: Hidden widths of the policies.
        starts: Start observations by task index.

    Returns:
        The cohort; ``advance`` extracts.
    """
    config = GaussianPolicyConfig(units=policy_units)
    return Cohort(
        world_model=model,
        build_policy=lambda: GaussianPolicy(config, model.latent_size(), SPACES.action),
        algorithm=algorithm,
        members=members,
        experience=starts,
        spaces=SPACES,
    )


def play(cohort: Cohort, episodes: int, noise: Sequence[float], name: str) -> Played:
    """Let the policies of a cohort act in their real tasks.

    Args:
        cohort: The policies.
        episodes: Episodes E of each policy.
        noise: Standard deviation of the noise added to the actions of each episode, E values.
        name: What the episodes are for; decides their seeds.

    Returns:
        Episodes, real and predicted returns.
    """
    tasks = [member.task for member in cohort.members]
    seeds = [
        [stream_seed(member.seed, f"{name}/{episode}") % 2**32 for episode in range(episodes)]
        for member in cohort.members
    ]
    recorders = {
        task: Recorder(make(TASKS[task].name, tasks.count(task) * episodes, threads=1), TASKS[task].action_size)
        for task in dict.fromkeys(tasks)
    }
    generator = stream(cohort.members[0].seed, f"{name}/noise")
    spread = torch.tensor(noise).unsqueeze(-1)
    first: list[Tensor] = []
    chosen = cohort.acting()

    def act(observation: Tensor) -> Tensor:
        if not first:
            first.append(observation.clone())
        action = chosen(observation)
        return (action + spread * torch.randn(action.shape, generator=generator)).clamp(-1, 1)

    returns = evaluate(act, tasks, seeds, recorders)
    found = {task: recorder.episodes() for task, recorder in recorders.items()}
    steps = next(iter(found.values())).rewards.shape[1]
    for recorder in recorders.values():
        recorder.close()
    return Played(found, returns, cohort.predicted_return(first[0], steps))
