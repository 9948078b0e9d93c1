"""Replay of world models, policies, critics, targets, schedules and statistics, each from its own files."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor

from rephase.engine.imagination import lambda_targets
from rephase.engine.learner import action_masks
from rephase.engine.model_loss import world_model_loss
from rephase.engine.parts import StackedPart
from rephase.engine.rewards import expectation, symexp
from rephase.engine.statistics import RunningStatistics
from rephase.vectors.builders import Builder, is_flow
from rephase.vectors.file import ReferenceFile

__all__ = [
    "replay_critic",
    "replay_flow_matching",
    "replay_flow_policy",
    "replay_gaussian_policy",
    "replay_model_loss",
    "replay_schedule",
    "replay_targets",
    "replay_world_model",
]

Found = dict[str, Tensor]

_METHOD = r"([a-z][\w-]*?)_(\d+)"
"""How quantities name an integrator and its substeps."""


def replay_world_model(file: ReferenceFile, builder: Builder) -> Found:
    """Forward passes, decoding and the embedding table of a world model."""
    model = builder.world_model()
    task, actions = file.tensor("in/task"), file.tensor("in/act_seq")
    observations, action = file.tensor("in/obs_seq"), file.tensor("in/a")
    latent, free = file.tensor("in/z"), file.tensor("in/z_free")
    table = model.get_parameter(model.task_parameters()[0])
    found = {"task_emb_weight_before": table.detach().clone()}
    model.constrain(task)
    bins, logits = model.reward_bins(), model.reward(latent, action, task)
    given = file.tensor("in/logits")
    sequence = model.encode(observations, task)
    found |= {
        "task_emb_weight_after": table,
        "cat_obs_emb": torch.cat([observations[0], table[task]], -1),
        "encode": model.encode(observations[0], task),
        "encode_seq": sequence,
        "reward_logits": logits,
        "reward_logits_seq": model.reward(sequence[:-1], actions, task),
        "reward_almost_two_hot_inv": expectation(logits, bins).unsqueeze(-1),
        "reward_two_hot_inv": symexp(expectation(logits, bins)).unsqueeze(-1),
        "logits_almost_two_hot_inv": expectation(given, bins).unsqueeze(-1),
        "logits_two_hot_inv": symexp(expectation(given, bins)).unsqueeze(-1),
        "step_reward_logits": logits,
        "action_masks": action_masks(file.spaces()),
    }
    for match in file.matching(r"encode_int_task(\d+)"):
        found[match[0]] = model.encode(observations[0], task[int(match[1])])
    if not is_flow(file.parameters("wm")):
        following = model.next(latent, action, task)
        return found | {"next": following, "step_next": following, "next_free": model.next(free, action, task)}
    if file.has("in/tau"):
        tau = file.tensor("in/tau")
        found["velocity"] = model.velocity(latent, action, tau, task)
        found["velocity_free"] = model.velocity(free, action, tau, task)
    wanted = [(match[0], match[1], int(match[2])) for match in file.matching(rf"next_{_METHOD}")]
    # What the reference does when no method is named: Heun, one substep for next and two for step.
    wanted += [("next_default_args", "heun", 1), ("step_next", "heun", 2)]
    for name, integrator, substeps in wanted:
        if builder.knows(integrator):
            other = builder.world_model(integrator, substeps)
            other.constrain(task)
            found[name] = other.next(latent, action, task)
    return found


def replay_flow_matching(file: ReferenceFile, builder: Builder) -> Found:
    """Flow-matching loss and its gradients, with drawn tau and at the midpoint."""
    found: Found = {}
    action, task = file.tensor("in/a"), file.tensor("in/task")
    for case in ("uniform", "midpoint"):
        noise = file.tensor("in/tau") if case == "uniform" and file.has("in/tau") else None
        if case == "uniform" and noise is None:
            continue
        model = builder.world_model(midpoint=noise is None)
        model.constrain(task)
        start, target = (file.tensor(f"in/z_{end}").requires_grad_() for end in ("start", "target"))
        loss = file.number("gamma_t") * model.transition_loss(start, target, action, task, noise)
        along_start, along_target = torch.autograd.grad(loss, (start, target), retain_graph=True)
        found |= {f"{case}/loss": loss, f"{case}/grad_z_start": along_start, f"{case}/grad_z_target": along_target}
        loss.backward()
        found |= _gradients(model, f"{case}/grad/")
    return found


def replay_model_loss(file: ReferenceFile, builder: Builder) -> Found:
    """World-model loss and its gradients, for each combination of integrator, substeps and tau in the file."""
    found: Found = {}
    task = file.tensor("in/task")
    for case in sorted({match[1] for match in file.matching(r"([^/]+)/.+")}):
        words = re.fullmatch(rf"(?:default|{_METHOD})(_midpoint|_uniform)?|(midpoint|uniform)", case)
        if words is None or not builder.knows(words[1] or ""):
            continue
        midpoint = "midpoint" in (words[3] or words[4] or "")
        model = builder.world_model(words[1] or "", int(words[2] or 0), midpoint)
        model.constrain(task)
        noise = file.tensor("in/tau") if file.has("in/tau") and not midpoint else None
        loss = world_model_loss(
            model,
            file.tensor("in/obs"),
            file.tensor("in/act"),
            file.tensor("in/rew").squeeze(-1),
            task,
            noise,
            builder.algorithm(),
        )
        loss.total.backward()  # type: ignore[no-untyped-call]
        found |= {f"{case}/total": loss.total, f"{case}/dynamics": loss.dynamics, f"{case}/reward": loss.reward}
        found |= _gradients(model, f"{case}/grad/")
    return found


def replay_gaussian_policy(file: ReferenceFile, builder: Builder) -> Found:
    """Mean, sample and floor of the Gaussian policy."""
    policy = builder.policy()
    latent = file.tensor("in/z")
    found = {"logstd_before": policy.logstd.detach().clone()}
    policy.constrain()
    sample = policy.act(latent, file.tensor("in/eps"))
    return found | {
        "logstd_after": policy.logstd,
        "mean": policy.mean(latent),
        "sample": sample,
        "tanh_sample": sample.tanh(),
    }


def replay_flow_policy(file: ReferenceFile, builder: Builder) -> Found:
    """Deterministic and sampled actions of the flow policy, for each integrator and number of substeps in the file."""
    latent, noise = file.tensor("in/z"), file.tensor("in/eps")
    policy = builder.policy()
    found = {"logstd_before": policy.init_logstd.detach().clone()}
    policy.constrain()
    start = noise * policy.init_logstd.exp()
    found |= {"logstd_after": policy.init_logstd, "z0": start}
    for match in file.matching(r"velocity_tau(\d*\.?\d+(?:e-?\d+)?)_at_z0"):
        found[match[0]] = policy.velocity(latent, start, float(match[1]))
    for match in file.matching(rf"(det|sample|forward_sample)_{_METHOD}"):
        if not builder.knows(match[2]):
            continue
        other = builder.policy(match[2], int(match[3]))
        other.constrain()
        draw = file.tensor("in/eps2") if match[1] == "forward_sample" else noise
        found[match[0]] = other.mean(latent) if match[1] == "det" else other.act(latent, draw)
    return found


def replay_critic(file: ReferenceFile, builder: Builder) -> Found:
    """Values of every critic, their minimum, and the critic loss with its gradients."""
    critics = builder.critics()
    values = critics.values(file.tensor("in/z").unsqueeze(0))[0]
    states = file.tensor("in/batch_obs").flatten(0, -2).unsqueeze(0)
    wanted = file.tensor("in/batch_target").flatten()
    loss = (critics.values(states) - wanted).square().mean()
    loss.backward()  # type: ignore[no-untyped-call]
    found = {"values": values.unsqueeze(-1), "min_value": values.amin(0), "loss": loss}
    found |= {f"single_{index}": value.unsqueeze(-1) for index, value in enumerate(values)}
    gradients = {name: parameter.grad for name, parameter in critics.parameters().items()}
    return found | {f"grad/{name}": value[0] for name, value in gradients.items() if value is not None}


def replay_targets(file: ReferenceFile, builder: Builder) -> Found:
    """TD(lambda) and one-step targets under every done mask of the file."""
    rewards, values = file.tensor("in/rew"), file.tensor("in/next_values")
    gamma, lam = file.number("gamma"), file.number("lam")
    found = {}
    for match in file.matching(r"(td-lambda|one-step)/(.+)"):
        if match[1] == "one-step":
            found[match[0]] = rewards + gamma * values
        else:
            found[match[0]] = lambda_targets(rewards, values, file.tensor(f"in/done_{match[2]}"), gamma, lam)
    return found


def replay_schedule(file: ReferenceFile, builder: Builder) -> Found:
    """Learning rates and running statistics."""
    found: Found = {}
    if file.has("in/epochs"):
        algorithm = builder.algorithm()
        firsts = (algorithm.actor_lr, algorithm.critic_lr, algorithm.model_lr)
        epochs = file.tensor("in/epochs").tolist()
        rates = [[algorithm.learning_rate(first, epoch) for first in firsts] for epoch in epochs]
        found["lrs"] = torch.tensor(rates, dtype=torch.float64)
    statistics = RunningStatistics(1, file.dtype, file.device)
    for number in range(file.count("in/rms_x{}")):
        statistics.update(file.tensor(f"in/rms_x{number}").unsqueeze(0))
        found |= statistics_found(statistics, f"rms{number}/")
    return found


def statistics_found(statistics: RunningStatistics, prefix: str) -> Found:
    """A run's statistics as quantities of a file, copied."""
    return {f"{prefix}{name}": getattr(statistics, name).clone() for name in ("mean", "var", "count")}


def state_found(part: StackedPart, prefix: str) -> Found:
    """The first run's parameters as quantities of a file, copied."""
    return {f"{prefix}{name}": value for name, value in part.state(0).items()}


def _gradients(model: Any, prefix: str) -> Found:
    return {f"{prefix}{name}": value.grad for name, value in model.named_parameters() if value.grad is not None}
