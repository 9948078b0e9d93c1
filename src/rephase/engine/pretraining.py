"""Fitting a world model to real episodes before any policy exists.

Slices are drawn uniformly over tasks, then over a task's episodes, then over an episode's steps, so that a task with
fewer episodes does not count less. The learning rate follows a cosine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from attrs import field, frozen, validators
from torch import Tensor, nn

from rephase.engine.learner import action_masks
from rephase.engine.model_loss import ModelLoss, world_model_loss
from rephase.manifest.algorithm import Algorithm, Variants
from rephase.protocols import Spaces, WorldModel

__all__ = ["EpisodePool", "Pretrainer", "Pretraining"]

_positive = validators.gt(0)
_above_zero = validators.gt(0.0)


@frozen(kw_only=True)
class Pretraining:
    """How a world model is fitted; every known defect of the logged loss is corrected.

    Args:
        steps: Updates in all.
        batch_size: Slices of one update, spread evenly over the tasks.
        horizon: Steps H of a slice.
        first_lr: Learning rate after the warm-up.
        final_lr: Learning rate the cosine falls to.
        warmup: Updates over which the learning rate rises linearly from zero.
        gamma: Weight of each later step of a slice relative to the one before.
        dynamics_weight: Weight of the transition loss.
        reward_weight: Weight of the reward loss.
        grad_norm: Largest joint gradient norm.
        padding_noise: Padded action entries are drawn from U(-x, x), so that the model learns that they do nothing;
            0 sets them to zero.
    """

    steps: int = field(default=6_000, validator=_positive)
    batch_size: int = field(default=256, validator=_positive)
    horizon: int = field(default=8, validator=_positive)
    first_lr: float = field(default=1e-3, validator=_above_zero)
    final_lr: float = field(default=1e-5, validator=validators.ge(0))
    warmup: int = field(default=0, validator=validators.ge(0))
    gamma: float = field(default=0.99, validator=_above_zero)
    dynamics_weight: float = field(default=20.0, validator=validators.ge(0))
    reward_weight: float = field(default=0.1, validator=validators.ge(0))
    grad_norm: float = field(default=20.0, validator=_above_zero)
    padding_noise: float = field(default=0.0, validator=validators.ge(0))

    def learning_rate(self, step: int) -> float:
        """Learning rate of update ``step``, 0-based."""
        if step < self.warmup:
            return self.first_lr * (step + 1) / self.warmup
        progress = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.final_lr + (self.first_lr - self.final_lr) * 0.5 * (1 + math.cos(math.pi * progress))


class EpisodePool:
    """Whole episodes of several tasks, from which slices are drawn.

    Args:
        observations: By task index, (E, T+1, S).
        actions: By task index, (E, T, A).
        rewards: By task index, plain rewards, (E, T).
        shares: By task index, how large a part of the slices are the task's; they sum to 1. None for equal parts.
    """

    def __init__(
        self,
        observations: Mapping[int, Tensor],
        actions: Mapping[int, Tensor],
        rewards: Mapping[int, Tensor],
        shares: Mapping[int, float] | None = None,
    ) -> None:
        self.tasks = tuple(sorted(observations))
        self._observations = dict(observations)
        self._actions = dict(actions)
        self._rewards = dict(rewards)
        self._shares = dict(shares) if shares else {task: 1 / len(self.tasks) for task in self.tasks}

    def draw(self, count: int, horizon: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Draw slices of each task according to its share.

        Args:
            count: Slices B.
            horizon: Steps H of a slice.
            generator: Source of all randomness.

        Returns:
            Observations (H+1, B, S), actions (H, B, A), rewards (H, B) and task indices (B,).
        """
        parts: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        below = 0
        for place, task in enumerate(self.tasks):
            # Rounding the running sum keeps the total exact.
            until = count * sum(self._shares[earlier] for earlier in self.tasks[: place + 1])
            share, below = round(until) - below, round(until)
            episodes, length = self._rewards[task].shape
            episode = torch.randint(episodes, (share,), generator=generator)
            first = torch.randint(length - horizon + 1, (share,), generator=generator)
            steps = first + torch.arange(horizon + 1).unsqueeze(1)
            parts.append(
                (
                    self._observations[task][episode, steps],
                    self._actions[task][episode, steps[:-1]],
                    self._rewards[task][episode, steps[:-1]],
                    torch.full((share,), task),
                )
            )
        observations, actions, rewards, tasks = zip(*parts, strict=True)
        return torch.cat(observations, 1), torch.cat(actions, 1), torch.cat(rewards, 1), torch.cat(tasks)

    def start_states(self, count: int, horizon: int, generator: torch.Generator) -> Tensor:
        """Draw the first observations (B, S) of what `draw` would draw."""
        return self.draw(count, horizon, generator)[0][0]


class Pretrainer:
    """One fit of one world model, which can be interrupted and continued exactly.

    Args:
        world_model: The model; trained in place.
        pool: The episodes.
        settings: How to fit.
        spaces: Sizes of the task suite; tell which action entries are padding.
        generator: Source of all randomness.
    """

    def __init__(
        self,
        world_model: WorldModel,
        pool: EpisodePool,
        settings: Pretraining,
        spaces: Spaces,
        generator: torch.Generator,
    ) -> None:
        assert isinstance(world_model, nn.Module)
        self.step = 0
        self._model = world_model
        self._module: nn.Module = world_model
        self._pool = pool
        self._settings = settings
        self._generator = generator
        self._masks = action_masks(spaces)
        self._algorithm = Algorithm(
            gamma=settings.gamma,
            dynamics_weight=settings.dynamics_weight,
            reward_weight=settings.reward_weight,
            variants=Variants.corrected(),
        )
        self._module.requires_grad_(True)
        self._optimiser = torch.optim.Adam(self._module.parameters(), fused=True)

    def advance(self, steps: int) -> ModelLoss | None:
        """Make this many more updates, at most up to the number in the settings.

        Returns:
            The loss of the last update, without gradients; None when there was nothing left to do.
        """
        found: ModelLoss | None = None
        for _ in range(min(steps, self._settings.steps - self.step)):
            found = self._update()
            self.step += 1
        return found

    def state_dict(self) -> dict[str, Tensor]:
        """Everything a later `load_state_dict` needs to go on as if never interrupted."""
        state = {"step": torch.tensor(self.step), "generator": self._generator.get_state()}
        state |= {f"model/{name}": value for name, value in self._module.state_dict().items()}
        for index, slots in self._optimiser.state_dict()["state"].items():
            state |= {f"optimiser/{index}/{name}": value for name, value in slots.items()}
        return {name: value.detach().clone() for name, value in state.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take over a state made by `state_dict` of a fit of the same model, episodes and settings."""
        self.step = int(state["step"])
        self._generator.set_state(state["generator"])
        self._module.load_state_dict(
            {name.removeprefix("model/"): value for name, value in state.items() if name.startswith("model/")}
        )
        slots: dict[int, dict[str, Tensor]] = {}
        for name, value in state.items():
            if name.startswith("optimiser/"):
                _, index, slot = name.split("/")
                slots.setdefault(int(index), {})[slot] = value.clone()
        current = self._optimiser.state_dict()
        current["state"] = slots
        self._optimiser.load_state_dict(current)

    def _update(self) -> ModelLoss:
        settings = self._settings
        for group in self._optimiser.param_groups:
            group["lr"] = settings.learning_rate(self.step)
        observation, action, reward, task = self._pool.draw(settings.batch_size, settings.horizon, self._generator)
        self._model.constrain(task)
        shape = self._model.transition_noise_shape(task.shape[0])
        noise = None if shape is None else torch.rand(settings.horizon, *shape, generator=self._generator)
        self._optimiser.zero_grad()
        mask = self._masks[task]
        action = action * mask
        if settings.padding_noise:
            drawn = torch.rand(action.shape, generator=self._generator) * 2 - 1
            action = action + settings.padding_noise * drawn * (1 - mask)
        loss = world_model_loss(self._model, observation, action, reward, task, noise, self._algorithm)
        loss.total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._module.parameters(), settings.grad_norm)
        self._optimiser.step()
        return ModelLoss(loss.total.detach(), loss.dynamics.detach(), loss.reward.detach())
