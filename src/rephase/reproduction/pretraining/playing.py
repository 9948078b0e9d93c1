"""Policies extracted in a frozen world model, and what they do in the real tasks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from attrs import frozen
from torch import Tensor

from rephase.engine.cohort import Cohort
from rephase.engine.evaluation import evaluate
from rephase.engine.seeding import stream, stream_seed
from rephase.environments import TaskSet, make
from rephase.reproduction.pretraining.episodes import EpisodeRecorder, RealEpisodes

__all__ = ["PolicyEpisodes", "play", "start_states"]


@frozen(eq=False)
class PolicyEpisodes:
    """What the policies of a cohort did in their real tasks.

    Args:
        episodes: All episodes, by task index.
        returns: Real returns, (R, E).
        predicted: Returns the world model predicts from the same first observations without noise, (R, E).
    """

    episodes: dict[int, RealEpisodes]
    returns: Tensor
    predicted: Tensor


def start_states(episodes: dict[int, RealEpisodes], count: int, seed: int) -> dict[int, Tensor]:
    """Observations of each task to start imagining from, (n, S): drawn without replacement from all episodes."""
    starts = {}
    for task, own in sorted(episodes.items()):
        observations = own.observations[:, :-1].flatten(0, 1)
        rows = torch.randperm(observations.shape[0], generator=stream(seed, f"start-states/{task}"))[:count]
        starts[task] = observations[rows]
    return starts


def play(cohort: Cohort, episodes: int, noise: Sequence[float], name: str, among: TaskSet) -> PolicyEpisodes:
    """Let the policies of a cohort act in their real tasks.

    Args:
        cohort: The policies.
        episodes: Episodes E of each policy.
        noise: Standard deviation of the noise added to the actions of each episode, E values.
        name: What the episodes are for; decides their seeds.
        among: The tasks that the members' rows stand for.

    Returns:
        Episodes, real and predicted returns.
    """
    tasks = [member.task for member in cohort.members]
    seeds = [
        [stream_seed(member.seed, f"{name}/{episode}") % 2**32 for episode in range(episodes)]
        for member in cohort.members
    ]
    recorders = {
        row: EpisodeRecorder(make(task, tasks.count(row) * episodes, 1, among.spaces), task.action_size)
        for row, task in ((row, among.at(row)) for row in dict.fromkeys(tasks))
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
    steps = [found[row].rewards.shape[1] for row in tasks]
    predicted = {length: cohort.predicted_return(first[0], length) for length in set(steps)}
    for recorder in recorders.values():
        recorder.close()
    own = torch.stack([predicted[length][at] for at, length in enumerate(steps)])
    return PolicyEpisodes(found, returns, own)
