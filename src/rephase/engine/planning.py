"""Planning of actions inside a world model: model-predictive path integral control, with the critics' value at the end.

What the log calls plan reward planned nothing; this is what the name promises. Action sequences are drawn around a
mean, and some follow the policy; the best of them decide the next mean, several times over. Nothing here draws random
numbers but `Planner`, which draws each run's from that run's own stream.

Source: Williams, Aldrich and Theodorou, "Model predictive path integral control", 2017; Hansen, Su and Wang, "TD-MPC2:
scalable, robust world models for continuous control", 2024, section 3.1, for planning in latents. Here the action taken
is the final mean's first one, not one drawn among the elites, so that an evaluation is deterministic in its noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from attrs import frozen
from torch import Tensor

from rephase.engine.statistics import root
from rephase.manifest.schema import Planning

__all__ = ["Imagined", "Planner", "PlanningNoise", "plan"]

_WORST = -1e9
"""Return of a sequence whose return is not a number."""


@frozen(eq=False)
class Imagined:
    """The world models, policies and critics of R runs as planning sees them; B rows each.

    Args:
        step: Latents (R, B, L) and actions (R, B, A) to the next latents (R, B, L) and the rewards (R, B) on the way.
        act: Latents (R, B, L) and the policy's own noise (R, ...) to actions in [-1, 1], (R, B, A).
        value: Latents (R, B, L) to what is still to come from there, (R, B), in the units of the rewards.
    """

    step: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    act: Callable[[Tensor, Tensor], Tensor]
    value: Callable[[Tensor], Tensor]


@frozen(eq=False)
class PlanningNoise:
    """Every random draw of planning one action for R runs of E episodes.

    Args:
        policy: Standard normal draws of the policies, (H, R, ...) with the policy's noise shape for E times P rows
            behind, P sequences of one episode beside each other.
        sequences: Standard normal draws, (I, H, R, E, N - P, A).
    """

    policy: Tensor
    sequences: Tensor


@torch.no_grad()
def plan(
    imagined: Imagined, latent: Tensor, mean: Tensor, noise: PlanningNoise, planning: Planning, gamma: float
) -> tuple[Tensor, Tensor]:
    """Plan one action for every episode of every run.

    Args:
        imagined: What is planned in.
        latent: Where each episode is, (R, E, L).
        mean: Action sequences to begin with, (H, R, E, A).
        noise: The draws.
        planning: The settings.
        gamma: Discount of one agent step.

    Returns:
        Actions in [-1, 1], (R, E, A), and the sequences that were settled on, (H, R, E, A).
    """
    std = torch.full_like(mean, planning.highest_std)
    followed = _follow_policy(imagined, latent, noise.policy, planning)
    for draws in noise.sequences:
        drawn = (mean.unsqueeze(3) + std.unsqueeze(3) * draws).clamp(-1, 1)
        actions = drawn if followed is None else torch.cat([drawn, followed], 3)
        returns = torch.nan_to_num(_returns(imagined, latent, actions, gamma), nan=_WORST)
        best, index = returns.topk(planning.elites, -1)
        weights = torch.softmax(planning.temperature * best, -1)[None, ..., None]
        rows = index[None, ..., None].expand(*actions.shape[:3], -1, actions.shape[-1])
        elites = actions.gather(3, rows)
        mean = (weights * elites).sum(3)
        spread = root((weights * (elites - mean.unsqueeze(3)).square()).sum(3))
        std = spread.clamp(planning.lowest_std, planning.highest_std)
    return mean[0], mean


class Planner:
    """Plans actions step by step through an evaluation, each step beginning with the last one's plan.

    Args:
        imagined: What is planned in.
        encode: Observations (R, E, S) to latents (R, E, L), called once for each step of the episodes.
        taken: Called with the latents (R, E, L) and the actions (R, E, A) that were settled on.
        noise_shape: Shape of the policy's noise for a number of rows.
        action_size: Width A of an action.
        planning: The settings.
        gamma: Discount of one agent step.
        generators: Source of each run's draws.
    """

    def __init__(
        self,
        *,
        imagined: Imagined,
        encode: Callable[[Tensor], Tensor],
        taken: Callable[[Tensor, Tensor], None],
        noise_shape: Callable[[int], tuple[int, ...]],
        action_size: int,
        planning: Planning,
        gamma: float,
        generators: Sequence[torch.Generator],
    ) -> None:
        self._imagined = imagined
        self._encode = encode
        self._taken = taken
        self._noise_shape = noise_shape
        self._action_size = action_size
        self._planning = planning
        self._gamma = gamma
        self._generators = generators
        self._mean: Tensor | None = None

    @torch.no_grad()
    def act(self, observation: Tensor) -> Tensor:
        """Actions in [-1, 1], (R, E, A), on the CPU, for observations (R, E, S)."""
        latent = self._encode(observation)
        runs, episodes = latent.shape[:2]
        if self._mean is None:
            self._mean = latent.new_zeros(self._planning.horizon, runs, episodes, self._action_size)
        else:
            self._mean = torch.cat([self._mean[1:], torch.zeros_like(self._mean[:1])])
        noise = self._draw(episodes, latent)
        action, self._mean = plan(self._imagined, latent, self._mean, noise, self._planning, self._gamma)
        self._taken(latent, action)
        return action.cpu()

    def _draw(self, episodes: int, like: Tensor) -> PlanningNoise:
        planning = self._planning
        free = planning.samples - planning.policy_samples
        rows = self._noise_shape(episodes * planning.policy_samples)
        shape = (planning.iterations, planning.horizon, episodes, free, self._action_size)
        policy = [torch.randn(planning.horizon, *rows, generator=generator) for generator in self._generators]
        sequences = [torch.randn(*shape, generator=generator) for generator in self._generators]
        return PlanningNoise(torch.stack(policy, 1).to(like), torch.stack(sequences, 2).to(like))


def _follow_policy(imagined: Imagined, latent: Tensor, noise: Tensor, planning: Planning) -> Tensor | None:
    """What the policies do from here, (H, R, E, P, A); None where no sequence follows them."""
    runs, episodes, _ = latent.shape
    count = planning.policy_samples
    if not count:
        return None
    rows = latent.repeat_interleave(count, 1)
    actions = []
    for draws in noise:
        action = imagined.act(rows, draws)
        rows, _ = imagined.step(rows, action)
        actions.append(action.reshape(runs, episodes, count, -1))
    return torch.stack(actions)


def _returns(imagined: Imagined, latent: Tensor, actions: Tensor, gamma: float) -> Tensor:
    """Discounted return of action sequences (H, R, E, N, A), the value of where they end included: (R, E, N)."""
    horizon, runs, episodes, samples, _ = actions.shape
    rows = latent.repeat_interleave(samples, 1)
    total = latent.new_zeros(runs, episodes * samples)
    for index in range(horizon):
        rows, reward = imagined.step(rows, actions[index].flatten(1, 2))
        total = total + gamma**index * reward
    total = total + gamma**horizon * imagined.value(rows)
    return total.reshape(runs, episodes, samples)
