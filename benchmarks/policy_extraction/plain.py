"""One run at a time, written the plain way: eager modules, autograd everywhere, the optimisers' defaults.

This is what the stacked program is held against. It does what the logged code did: rewards step by step, critics one
after the other, and gradients for the frozen world model, which nothing uses. ``frozen=True`` leaves those out.
"""

from __future__ import annotations

import torch
from rephase_mlp.world_model import MLPWorldModel
from torch import Tensor, nn, optim, stack
from torch.nn.utils import clip_grad_norm_

from benchmarks.policy_extraction.sizes import Problem
from rephase.engine.activation import Mish
from rephase.engine.networks import Head, SimNorm
from rephase.engine.rewards import expectation
from rephase.engine.statistics import RunningStatistics

__all__ = ["PlainRun"]


class PlainRun:
    """One run's world model, policy and critics, and its update."""

    def __init__(self, problem: Problem, run: int, frozen: bool) -> None:
        self.algorithm = problem.size.algorithm
        self.model: MLPWorldModel = with_torch_layers(problem.world_model()).requires_grad_(not frozen)
        self.policy = with_torch_layers(problem.policy(run))
        self.critics = critic_modules(problem, run)
        self.bins = self.model.reward_bins()
        self.returns = RunningStatistics(1, device=problem.device)
        settings = {"betas": self.algorithm.actor_betas, "eps": self.algorithm.adam_eps}
        self.actor_optimiser = optim.Adam(self.policy.parameters(), lr=self.algorithm.actor_lr, **settings)
        self.critic_optimiser = optim.Adam(self.critics.parameters(), lr=self.algorithm.critic_lr, **settings)

    def update_policy(self, observation: Tensor, task: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Roll out and improve the policy; returns the loss, the latents (H, B, L) and the critics' targets (H, B)."""
        gamma, horizon = self.algorithm.gamma, noise.shape[0]
        self.actor_optimiser.zero_grad()
        self.model.zero_grad()
        self.model.constrain(task)
        self.policy.constrain()
        z = self.model.encode(observation, task)
        latents, targets, total = [], [], torch.zeros_like(z[:, 0])
        for step in range(horizon):
            latents.append(z.detach())
            action = self.policy.act(z.detach(), noise[step]).tanh()
            following = self.model.next(z, action, task)
            reward = expectation(self.model.reward(z, action, task), self.bins)
            total = total + gamma**step * reward
            if step == horizon - 1:
                value = self.value(following)
                total = total + gamma ** (horizon + 1) * value
            else:
                with torch.no_grad():
                    value = self.value(following)
            targets.append((reward + gamma * value).detach())
            z = following
        self.returns.update(-total.detach().unsqueeze(0))
        loss = -total.mean() / (self.returns.var[0] + 1e-5).sqrt()
        loss.backward()
        clip_grad_norm_(self.policy.parameters(), self.algorithm.actor_grad_norm)
        self.actor_optimiser.step()
        return loss.detach(), stack(latents), stack(targets)

    def update_critics(self, latents: Tensor, targets: Tensor) -> Tensor:
        """Fit the critics; returns the mean loss."""
        states, wanted = latents.flatten(0, 1), targets.flatten()
        size = states.shape[0] // self.algorithm.critic_batches
        losses = []
        for _ in range(self.algorithm.critic_iterations):
            for some, goal in zip(states.split(size), wanted.split(size), strict=True):
                self.critic_optimiser.zero_grad()
                loss = (self.values(some) - goal).square().mean()
                loss.backward()
                clip_grad_norm_(self.critics.parameters(), self.algorithm.critic_grad_norm)
                self.critic_optimiser.step()
                losses.append(loss.detach())
        return stack(losses).mean()

    def values(self, latent: Tensor) -> Tensor:
        return stack([critic(latent).squeeze(-1) for critic in self.critics])

    def value(self, latent: Tensor) -> Tensor:
        return self.values(latent).amin(0)


def critic_modules(problem: Problem, run: int) -> nn.ModuleList:
    """A run's critics as ordinary modules with the stacked program's parameters."""
    state = list(problem.critics([run]).state(0).values())
    modules = nn.ModuleList()
    for critic in range(problem.size.algorithm.critics):
        layers: list[nn.Module] = []
        width = problem.size.world_model.latent_size
        for units in problem.size.algorithm.critic_units:
            layers += [nn.Linear(width, units), nn.Mish(), nn.LayerNorm(units)]
            width = units
        module = nn.Sequential(*layers, nn.Linear(width, 1)).to(problem.device)
        with torch.no_grad():
            for parameter, value in zip(module.parameters(), state, strict=True):
                parameter.copy_(value[critic])
        modules.append(module)
    return modules


def with_torch_layers(module):
    """The module with torch's own layers in place of the engine's faster ones."""
    for part in list(module.modules()):
        for name, child in part.named_children():
            if isinstance(child, Mish):
                setattr(part, name, nn.Mish())
            elif isinstance(child, SimNorm):
                setattr(part, name, PlainSimNorm(child.group))
            elif isinstance(child, Head):
                setattr(part, name, with_torch_layers(nn.Sequential(*child)))
    return module


class PlainSimNorm(nn.Module):
    def __init__(self, group: int) -> None:
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:-1], -1, self.group).softmax(-1).view(*x.shape)
