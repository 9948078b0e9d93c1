"""One update of many runs: the world model where it trains, then the policies, then the critics.

Everything carries the run axis R; runs never mix, so a run's numbers depend on its own inputs alone. Nothing here
draws random numbers or waits for the device.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from attrs import evolve, frozen
from torch import Tensor, nn

from rephase.engine.critic import CriticEnsembles
from rephase.engine.decoding import RewardDecoder
from rephase.engine.imagination import Imagination, critic_targets, imagine, policy_loss
from rephase.engine.model_loss import world_model_loss
from rephase.engine.parts import SharedPart, StackedPart
from rephase.engine.statistics import RunningStatistics
from rephase.manifest.algorithm import Algorithm, Variant
from rephase.protocols import OwnLoss, Spaces, WorldModel

__all__ = ["Batch", "Learner", "Update", "action_masks", "clip_by_run"]


@frozen(eq=False, kw_only=True)
class Batch:
    """What one update of R runs learns from, every random draw included.

    Args:
        observation: Start observations (R, B, S), or whole slices (H+1, R, KB, S) where the world model trains.
        task: Task indices, (R, B).
        noise: Standard normal draws for the policies, (H, R, ...).
        action: Actions of the slices, (H, R, KB, A); only where the world model trains.
        reward: Rewards of the slices, (H, R, KB); only where the world model trains.
        model_noise: Uniform draws for the transition losses, (H, R, KB, ...); only where the world model wants them.
        step_noise: Standard normal draws for the world model's steps, (H, R, B, ...); only where they are drawn.
        loss_draws: Uniform draws for the policies' own losses, (R, HB, ...); only where they want them.
    """

    observation: Tensor
    task: Tensor
    noise: Tensor
    action: Tensor | None = None
    reward: Tensor | None = None
    model_noise: Tensor | None = None
    step_noise: Tensor | None = None
    loss_draws: Tensor | None = None


@frozen(eq=False)
class Update:
    """What one update of R runs did.

    Args:
        metrics: Values by name, (R,) each. Gradient norms are those before clipping, as the log reported them.
        targets: What the critics were fitted to, (H, R, B).
    """

    metrics: dict[str, Tensor]
    targets: Tensor


class Learner:
    """The trainable state of R runs and the update that moves it.

    Args:
        world_model: Shared and frozen, or stacked where it trains.
        policy: The runs' policies.
        critics: The runs' critics.
        algorithm: What to do.
        action_masks: 1 where an action entry belongs to a task, (tasks, A); used where the variant says so.
        task_parameters: Names of the world model's parameters that embed the task.

    Attributes:
        rewards: What reads the world models' reward heads.
        uncleared: Parameters whose gradient, as logged, is never cleared; it is part of the state.
    """

    def __init__(
        self,
        *,
        world_model: SharedPart | StackedPart,
        policy: StackedPart,
        critics: CriticEnsembles,
        algorithm: Algorithm,
        action_masks: Tensor,
        task_parameters: Iterable[str] = (),
    ) -> None:
        self.world_model = world_model
        self.policy = policy
        self.critics = critics
        self.rewards = RewardDecoder(world_model)
        self.algorithm = algorithm
        self._action_size = action_masks.shape[1]
        self._mask = action_masks if algorithm.variants.mask_actions is Variant.CORRECTED else None
        self._policy_parameters = list(policy.parameters().values())
        self._critic_parameters = list(critics.parameters().values())
        like = self._critic_parameters[0]
        self.returns = RunningStatistics(policy.runs, like.dtype, like.device)
        self._has_own_loss = isinstance(policy.module, OwnLoss)
        self._model_parameters = list(world_model.parameters().values())
        as_logged = algorithm.variants.task_embedding is Variant.AS_LOGGED
        untrained = set(task_parameters) if as_logged else set()
        trained = [value for name, value in world_model.parameters().items() if name not in untrained]
        self.uncleared = {name: value for name, value in world_model.parameters().items() if name in untrained}
        self.optimisers = {
            "actor": _adam(self._policy_parameters, algorithm.actor_betas, algorithm),
            "critic": _adam(self._critic_parameters, algorithm.critic_betas, algorithm),
        }
        if algorithm.finetune_world_model:
            self.optimisers["model"] = _adam(trained, algorithm.model_betas, algorithm)

    def update(self, epoch: int, batch: Batch) -> Update:
        """Make one update.

        Args:
            epoch: Its number, 0-based; sets the learning rates.
            batch: What to learn from.

        Returns:
            Metrics and critic targets.
        """
        self.set_learning_rates(epoch)
        return self.learn(batch)

    def learn(self, batch: Batch) -> Update:
        """Make one update at the learning rates as they are; everything it depends on is a tensor.

        Args:
            batch: What to learn from.

        Returns:
            Metrics and critic targets.
        """
        metrics: dict[str, Tensor] = {}
        if self.algorithm.finetune_world_model:
            for batch in _parts(batch, self.algorithm.model_updates):  # noqa: B020  (the policies start from the last)
                metrics = self._update_model(batch)
        imagination, actor = self.update_policy(batch)
        targets = critic_targets(imagination, self.algorithm)
        return Update({**metrics, **actor, **self.update_critics(imagination, targets)}, targets)

    def set_learning_rates(self, epoch: int) -> None:
        """Put the optimisers at the learning rates of an epoch, 0-based."""
        first = {"actor": "actor_lr", "critic": "critic_lr", "model": "model_lr"}
        for name, optimiser in self.optimisers.items():
            rate = self.algorithm.learning_rate(getattr(self.algorithm, first[name]), epoch)
            for group in optimiser.param_groups:
                group["lr"].fill_(rate)

    def policy_objective(
        self, batch: Batch, detach_policy_input: bool = True, offset: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Imagination]:
        """Actor loss of each run, updating the running statistics of returns.

        Args:
            batch: What to learn from; only start observations, tasks and noise are used.
            detach_policy_input: Whether policies see latents without their history.
            offset: As in `imagine`.

        Returns:
            Normalised loss (R,), negative returns before normalisation (R, B), and the roll-out.
        """
        observation = batch.observation if batch.observation.ndim == 3 else batch.observation[0]
        self.world_model.constrain(batch.task)
        self.policy.constrain()
        mask = None if self._mask is None else self._mask[batch.task]
        imagination = imagine(
            self.world_model,
            self.policy,
            self.critics,
            self.rewards,
            observation,
            batch.task,
            batch.noise,
            mask,
            detach_policy_input,
            batch.step_noise,
            offset,
        )
        raw = policy_loss(imagination, self.algorithm)
        if not self.algorithm.normalise_returns:
            return raw.mean(1) / batch.noise.shape[0], raw, imagination
        self.returns.update(raw.detach())
        return raw.mean(1) * (self.returns.var + 1e-5).rsqrt(), raw, imagination

    def masked(self, action: Tensor, task: Tensor) -> Tensor:
        """Actions (R, B, A) as they reach the world model: padding set to zero where the variant says so.

        Args:
            action: Squashed actions, (R, B, A).
            task: Task indices, (R, B).
        """
        return action if self._mask is None else action * self._mask[task]

    def update_policy(self, batch: Batch) -> tuple[Imagination, dict[str, Tensor]]:
        """Imagine once and take one step with the policies; returns the roll-out and metrics (R,) by name."""
        for parameter in self._model_parameters:
            parameter.requires_grad_(False)
        for parameter in self.uncleared.values():
            # As logged, the actor loss adds to this gradient and nothing ever clears it.
            parameter.requires_grad_(self.algorithm.finetune_world_model)
        self.optimisers["actor"].zero_grad()
        offset = self._offset(batch)
        loss, _, imagination = self.policy_objective(batch, offset=offset)
        loss.sum().backward()  # type: ignore[no-untyped-call]
        metrics = {"actor_loss": loss.detach()}
        if offset is not None:
            metrics["own_loss"] = self._add_own_loss(batch, imagination, offset)
        norm = clip_by_run(self._policy_parameters, self.algorithm.actor_grad_norm)
        self.optimisers["actor"].step()
        with torch.no_grad():
            deviation = self.policy.call("spread")
        return imagination, metrics | {"actor_grad_norm": norm, "actor_stddev": deviation}

    def _offset(self, batch: Batch) -> Tensor | None:
        """Zeros (H, R, B, A) whose gradient is that of the actions; None where no policy asks for it."""
        if not self._has_own_loss:
            return None
        rows = (batch.noise.shape[0], *batch.task.shape, self._action_size)
        return torch.zeros(rows, dtype=batch.noise.dtype, device=batch.noise.device, requires_grad=True)

    def _add_own_loss(self, batch: Batch, imagination: Imagination, offset: Tensor) -> Tensor:
        """Add the gradients of the policies' own losses to what is there; returns the losses, (R,)."""
        assert offset.grad is not None
        # The loss is a mean over rows: their number makes each row's share of it a row's own.
        steps = [
            imagination.latents[:-1],
            batch.noise,
            torch.stack(imagination.unsquashed),
            offset.grad * batch.task.shape[1],
        ]
        rows = [step.detach().transpose(0, 1).flatten(1, 2) for step in steps]

        def own(policy: OwnLoss, latent: Tensor, noise: Tensor, action: Tensor, *rest: Tensor) -> Tensor:
            gradient, *draws = rest
            return policy.own_loss(latent, noise, action, gradient, draws[0] if draws else None)

        draws = [] if batch.loss_draws is None else [batch.loss_draws]
        losses = self.policy.call(own, *rows, *draws)
        losses.sum().backward()  # type: ignore[no-untyped-call]
        return losses.detach()

    def update_critics(self, imagination: Imagination, targets: Tensor) -> dict[str, Tensor]:
        """Fit the critics to targets (H, R, B), chunk by chunk, several times over; returns metrics (R,) by name."""
        targets = targets.transpose(0, 1).flatten(1, 2)
        latents = imagination.latents[:-1].detach().transpose(0, 1).flatten(1, 2)
        rows = latents.shape[1]
        size = rows // self.algorithm.critic_batches
        shared = self.critics.broadcast(latents, size)
        chunks = list(zip(torch.split(shared, size, 1), torch.split(targets, size, 1), strict=True))
        optimiser = self.optimisers["critic"]
        value_loss = torch.zeros_like(targets[:, 0])
        for _ in range(self.algorithm.critic_iterations):
            for states, wanted in chunks:
                value_loss += self.critics.regress(states, wanted)
                norm = clip_by_run(self._critic_parameters, self.algorithm.critic_grad_norm)
                optimiser.step()
        value_loss /= self.algorithm.critic_iterations * len(chunks)
        return {"value_loss": value_loss, "critic_grad_norm": norm, "target_mean": targets.mean(1)}

    def _update_model(self, batch: Batch) -> dict[str, Tensor]:
        assert batch.action is not None
        assert batch.reward is not None
        for parameter in self._model_parameters:
            parameter.requires_grad_(True)
        self.optimisers["model"].zero_grad()
        self.world_model.constrain(batch.task)
        slices = [batch.observation, batch.action, batch.reward]
        if batch.model_noise is not None:
            slices.append(batch.model_noise)
        arguments = [batch.task, *(part.transpose(0, 1) for part in slices)]
        if self._mask is not None:
            arguments.append(self._mask[batch.task])

        def losses(model: WorldModel, task: Tensor, observation: Tensor, action: Tensor, *rest: Tensor) -> Tensor:
            reward, *optional = rest
            noise = optional.pop(0) if batch.model_noise is not None else None
            mask = optional.pop(0) if optional else None
            loss = world_model_loss(model, observation, action, reward, task, noise, self.algorithm, mask)
            return torch.stack([loss.total, loss.dynamics, loss.reward])

        found = self.world_model.call(losses, *arguments)  # type: ignore[arg-type]
        found[:, 0].sum().backward()  # type: ignore[no-untyped-call]
        norm = clip_by_run(self._model_parameters, self.algorithm.model_grad_norm)
        self.optimisers["model"].step()
        total, dynamics, reward = found.detach().unbind(1)
        return {"wm_loss": total, "dynamics_loss": dynamics, "reward_loss": reward, "wm_grad_norm": norm}


def action_masks(spaces: Spaces) -> Tensor:
    """1 where an action entry belongs to a task and 0 where it is padding, (tasks, A)."""
    masks = torch.zeros(spaces.tasks, spaces.action)
    for index, size in enumerate(spaces.action_sizes):
        masks[index, :size] = 1
    return masks


@torch.no_grad()
def clip_by_run(parameters: Iterable[nn.Parameter], largest: float) -> Tensor:
    """Scale each run's gradients down to a joint norm of at most ``largest``, in place.

    Args:
        parameters: Stacked parameters, (R, ...) each; those without a gradient are left out.
        largest: Largest joint Euclidean norm.

    Returns:
        The norms before, (R,).
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norms: Tensor = torch.linalg.vector_norm(
        torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]), dim=0
    )
    scale = (largest / (norms + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(scale.view(-1, *[1] * (gradient.ndim - 1)))
    return norms


def _parts(batch: Batch, count: int) -> list[Batch]:
    """A batch with ``count`` times as many slices as rows, as that many batches."""
    if count == 1:
        return [batch]
    assert batch.action is not None
    assert batch.reward is not None
    size = batch.task.shape[1]
    noises = [None] * count if batch.model_noise is None else torch.split(batch.model_noise, size, 2)
    slices = (torch.split(part, size, 2) for part in (batch.observation, batch.action, batch.reward))
    return [
        evolve(batch, observation=observation, action=action, reward=reward, model_noise=noise)
        for observation, action, reward, noise in zip(*slices, noises, strict=True)
    ]


def _adam(parameters: list[nn.Parameter], betas: tuple[float, ...], algorithm: Algorithm) -> torch.optim.Adam:
    """Adam in one operation, whose learning rate is a tensor: a recorded update must not hold it as a number."""
    first, second = betas
    device = parameters[0].device
    optimiser = torch.optim.Adam(
        parameters, betas=(first, second), eps=algorithm.adam_eps, fused=True, capturable=device.type == "cuda"
    )
    for group in optimiser.param_groups:
        # A GPU's kernel reads single precision; the CPU's computes with the number as it is.
        group["lr"] = torch.zeros((), dtype=torch.float32 if device.type == "cuda" else torch.float64, device=device)
    return optimiser
