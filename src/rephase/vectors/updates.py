"""Replay of imagined roll-outs, actor losses and whole updates."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rephase.engine.imagination import Imagination, lambda_targets
from rephase.engine.learner import Batch, Learner, action_masks
from rephase.engine.parts import SharedPart, StackedPart
from rephase.manifest.algorithm import Algorithm
from rephase.vectors.builders import Builder
from rephase.vectors.file import ReferenceFile
from rephase.vectors.parts import Found, state_found, statistics_found

__all__ = ["replay_policy_loss", "replay_updates"]


def replay_policy_loss(file: ReferenceFile, builder: Builder) -> Found:
    """Successive actor losses with their gradients, with and without detached policy inputs."""
    found: Found = {}
    calls = file.count("in/call{}/obs")
    for detach in (True, False):
        learner, model = _learner(file, builder, builder.algorithm())
        for call in range(calls):
            prefix = f"detach_{detach}/call{call}/"
            found |= statistics_found(learner.returns, f"{prefix}ret_rms_before/")
            loss, raw, imagination = learner.policy_objective(_start(file, call), detach)
            found |= statistics_found(learner.returns, f"{prefix}ret_rms_after/")
            found |= {f"{prefix}loss_per_sample_before_rms": raw[0], f"{prefix}loss": loss[0]}
            parameters = learner.policy.parameters()
            gradients = torch.autograd.grad(loss.sum(), list(parameters.values()), retain_graph=True)
            found |= {f"{prefix}grad/{name}": value[0] for name, value in zip(parameters, gradients, strict=True)}
            found |= _rollout(imagination, learner, model, file.tensor(f"in/call{call}/task"), f"call{call}/")
    if file.has("in/act_obs"):
        observation, task = file.tensor("in/act_obs").unsqueeze(0), file.tensor("in/act_task").reshape(1)
        model.constrain(task)
        found["act_deterministic"] = learner.policy.call("mean", model.encode(observation, task)[None]).tanh()[0, 0]
    found["task_emb_weight_after"] = _table(model)
    plain, _ = _learner(file, builder, builder.algorithm(normalise_returns=False))
    found["no_ret_rms_loss_call0"] = plain.policy_objective(_start(file, 0))[0][0]
    return found


def replay_updates(file: ReferenceFile, builder: Builder) -> Found:
    """Consecutive full updates: metrics, targets, statistics and every parameter after each."""
    algorithm = builder.algorithm()
    learner, model = _learner(file, builder, algorithm)
    found: Found = {}
    for number in range(file.count("in/update{}/obs")):
        prefix, given = f"update{number}/", f"in/update{number}/"
        epoch = file.setting("first_epoch") + number
        update = learner.update(epoch, _slices(file, given, algorithm.finetune_world_model))
        rates = {name: float(optimiser.param_groups[0]["lr"]) for name, optimiser in learner.optimisers.items()}
        model_rate = rates.get("model", algorithm.learning_rate(algorithm.model_lr, epoch))
        found[f"{prefix}lrs"] = torch.tensor([rates["actor"], rates["critic"], model_rate], dtype=torch.float64)
        found |= {f"{prefix}metric/{name}": value[0].clone() for name, value in update.metrics.items()}
        found[f"{prefix}target_values"] = update.targets[:, 0]
        found |= statistics_found(learner.returns, f"{prefix}ret_rms/")
        found |= state_found(learner.policy, f"{prefix}params/actor/")
        found |= {f"{prefix}params/critic/{name}": value for name, value in learner.critics.state(0).items()}
        own = learner.world_model.state(0) if isinstance(learner.world_model, StackedPart) else _copied(model)
        found |= {f"{prefix}params/wm/{name}": value for name, value in own.items()}
        found[f"{prefix}task_emb_weight"] = own[model.task_parameters()[0]]
    return found


def _learner(file: ReferenceFile, builder: Builder, algorithm: Algorithm) -> tuple[Learner, Any]:
    model = builder.world_model()
    part = StackedPart([model]) if algorithm.finetune_world_model else SharedPart(model, 1)
    learner = Learner(
        world_model=part,
        policy=StackedPart([builder.policy()]),
        critics=builder.critics(),
        algorithm=algorithm,
        action_masks=action_masks(file.spaces()).to(file.device),
        task_parameters=model.task_parameters(),
    )
    return learner, model


def _copied(model: torch.nn.Module) -> Found:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def _table(model: Any) -> Tensor:
    """The embedding table as it is now."""
    table: Tensor = model.get_parameter(model.task_parameters()[0])
    return table


def _start(file: ReferenceFile, call: int) -> Batch:
    prefix = f"in/call{call}/"
    observation, task = file.tensor(f"{prefix}obs"), file.tensor(f"{prefix}task")
    return Batch(
        observation=observation.unsqueeze(0), task=task.unsqueeze(0), noise=file.tensor(f"{prefix}eps").unsqueeze(1)
    )


def _slices(file: ReferenceFile, prefix: str, whole: bool) -> Batch:
    """One update's inputs with the run axis put in; a frozen model sees the first observations only."""
    observation = file.tensor(f"{prefix}obs").unsqueeze(1)
    tau = file.tensor(f"{prefix}tau").unsqueeze(1) if file.has(f"{prefix}tau") else None
    return Batch(
        observation=observation if whole else observation[0],
        task=file.tensor(f"{prefix}task").unsqueeze(0),
        noise=file.tensor(f"{prefix}eps").unsqueeze(1),
        action=file.tensor(f"{prefix}act").unsqueeze(1),
        reward=file.tensor(f"{prefix}rew").squeeze(-1).unsqueeze(1),
        model_noise=tau,
    )


def _rollout(imagination: Imagination, learner: Learner, model: Any, task: Tensor, prefix: str) -> Found:
    latents, actions = imagination.latents[:, 0].detach(), imagination.actions[:, 0].detach()
    rewards, values = imagination.rewards[:, 0].detach(), imagination.next_values[:, 0]
    done = torch.ones_like(rewards)
    targets = lambda_targets(rewards, values, done, learner.algorithm.gamma, learner.algorithm.lam)
    return {
        f"{prefix}z": latents[:-1],
        f"{prefix}z_next": latents[1:],
        f"{prefix}actions": actions,
        f"{prefix}rewards": rewards,
        f"{prefix}next_values": values,
        f"{prefix}done_mask": done,
        f"{prefix}target_values": targets,
        f"{prefix}reward_logits_step0": model.reward(latents[0], actions[0], task),
    }
