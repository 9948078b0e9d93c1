"""What each known defect of the logged code does to a number, measured on small synthetic tasks.

Run it as ``python benchmarks/variants.py [--out FILE]``; it takes about a minute on one core and prints the table of
``docs/explanation/variants.md``. Everything goes through the engine and the installed parts, as a run does; only the
tasks are made up. The figures show directions and sizes, they are not those of the logged world model.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from attrs import evolve
from rephase_flow.offers import FlowWorldModelConfig
from rephase_flow.world_model import FlowWorldModel
from rephase_mlp.offers import GaussianPolicyConfig, MLPWorldModelConfig
from rephase_mlp.policy import GaussianPolicy
from rephase_mlp.world_model import MLPWorldModel
from rephase_rk.methods import HEUN
from rephase_rk.runge_kutta import RungeKutta

from rephase.engine.critic import CriticEnsembles
from rephase.engine.imagination import critic_targets, policy_loss
from rephase.engine.learner import Batch, Learner, action_masks
from rephase.engine.model_loss import world_model_loss
from rephase.engine.parts import SharedPart, StackedPart
from rephase.engine.rewards import expectation, symexp
from rephase.manifest.algorithm import Algorithm, Variant, Variants
from rephase.protocols import Spaces

SPACES = Spaces(observation=8, action=6, action_sizes=(6, 2, 4))
SIZES = {"latent_size": 32, "encoder_units": (64,), "units": (64, 64), "task_size": 8}
BATCH, HORIZON = 64, 8


class World:
    """A smooth made-up task: the state turns and is pushed by actions, the reward lies between 0 and 2."""

    def __init__(self, seed):
        generator = torch.Generator().manual_seed(seed)
        self.turn = torch.linalg.qr(torch.randn(8, 8, generator=generator)).Q
        self.push = 0.4 * torch.randn(6, 8, generator=generator)
        self.goal = torch.randn(8, generator=generator)
        self.generator = generator

    def slices(self, count=BATCH, horizon=HORIZON):
        """Observations (H+1, B, S), actions (H, B, A), rewards (H, B) and tasks (B,)."""
        task = torch.randint(3, (count,), generator=self.generator)
        action = 2 * torch.rand(horizon, count, 6, generator=self.generator) - 1
        action = action * action_masks(SPACES)[task]
        states, rewards = [torch.randn(count, 8, generator=self.generator)], []
        for step in range(horizon):
            # The reward is of the state and action it is given for, as in the suite's tasks.
            rewards.append(1 + torch.tanh(0.5 * states[-1] @ self.goal + action[step, :, 0]))
            states.append(0.9 * states[-1] + 0.3 * torch.tanh(states[-1] @ self.turn + action[step] @ self.push))
        return torch.stack(states), action, torch.stack(rewards), task


def fresh(model, seed=0):
    model.initialise(torch.Generator().manual_seed(seed))
    return model


def fit(model, world, algorithm, steps, rate, parameters=None):
    """Train on fresh slices and return the losses of the last one."""
    optimiser = torch.optim.Adam(list(model.parameters()) if parameters is None else parameters, lr=rate)
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        observation, action, reward, task = world.slices()
        noise = None
        if (shape := model.transition_noise_shape(BATCH)) is not None:
            noise = torch.rand(HORIZON, *shape, generator=generator)
        model.constrain(task)
        optimiser.zero_grad()
        loss = world_model_loss(model, observation, action, reward, task, noise, algorithm)
        loss.total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), algorithm.model_grad_norm)
        optimiser.step()
    return loss


@torch.no_grad()
def correlation(model):
    """Of predicted and true rewards over a thousand fresh first steps, with the spread of the predicted ones."""
    observation, action, reward, task = World(7).slices(1000, 1)
    logits = model.reward(model.encode(observation[0], task), action[0], task)
    predicted = symexp(expectation(logits, model.reward_bins()))
    if predicted.std() < 1e-6:
        return 0.0, predicted.std().item()
    return torch.corrcoef(torch.stack([predicted, reward[0]]))[0, 1].item(), predicted.std().item()


def reward_loss():
    """Correlation of the reward head as the logged loss goes on from a good one, and from scratch."""
    corrected = Algorithm(variants=Variants.corrected(), dynamics_weight=2.0)
    model = fresh(MLPWorldModel(MLPWorldModelConfig(**SIZES), SPACES))
    fit(model, World(7), corrected, 600, 3e-3)
    found = {"correlation of a fitted head": correlation(model)[0]}
    logged = Algorithm()
    for steps in (10, 30, 100):
        copy = fresh(MLPWorldModel(MLPWorldModelConfig(**SIZES), SPACES))
        copy.load_state_dict(model.state_dict())
        fit(copy, World(7), logged, steps, logged.model_lr)
        found[f"correlation after {steps} updates as logged"] = correlation(copy)[0]
    scratch = fresh(MLPWorldModel(MLPWorldModelConfig(**SIZES), SPACES))
    fit(scratch, World(7), logged, 200, 1e-3)
    found["spread of rewards after 200 updates from scratch as logged"] = correlation(scratch)[1]
    return found


def learner(algorithm, world_model=None):
    trains = algorithm.finetune_world_model
    model = world_model or randomised(MLPWorldModel(MLPWorldModelConfig(**SIZES), SPACES))
    policy = GaussianPolicy(GaussianPolicyConfig(units=(32, 32)), 32, 6)
    policy.initialise(torch.Generator().manual_seed(2))
    critics = CriticEnsembles(1, 32, algorithm.critic_units, algorithm.critics)
    critics.initialise([torch.Generator().manual_seed(3)])
    return Learner(
        world_model=StackedPart([model]) if trains else SharedPart(model, 1),
        policy=StackedPart([policy]),
        critics=critics,
        algorithm=algorithm,
        action_masks=action_masks(SPACES),
        task_parameters=model.task_parameters(),
    )


def randomised(model, scale=1.0):
    """A model with weights of the size of a trained one, so that its reward depends on everything."""
    generator = torch.Generator().manual_seed(4)
    for parameter in model.parameters():
        if parameter.ndim == 2:
            parameter.data.copy_(scale * torch.randn(parameter.shape, generator=generator) / parameter.shape[1] ** 0.5)
    model._reward[-1].weight.data.mul_(3)
    return model


def batch(world):
    observation, action, reward, task = world.slices()
    noise = torch.randn(HORIZON, 1, BATCH, 6, generator=world.generator)
    one = lambda x: x.unsqueeze(1)  # noqa: E731
    return Batch(
        observation=one(observation), task=task.unsqueeze(0), noise=noise, action=one(action), reward=one(reward)
    )


def targets_and_bootstrap():
    """Critic targets of one roll-out both ways, and the share of the bootstrap that is lost."""
    algorithm = Algorithm(critic_units=(32, 32))
    _, raw, rollout = learner(algorithm).policy_objective(batch(World(7)))
    corrected = evolve(algorithm, variants=Variants.corrected())
    logged, corrected_targets = critic_targets(rollout, algorithm), critic_targets(rollout, corrected)
    only = evolve(algorithm, variants=Variants(bootstrap=Variant.CORRECTED))
    bootstrap = algorithm.gamma**HORIZON * rollout.last_value
    moved = (policy_loss(rollout, only) - raw) / -bootstrap
    return {
        "mean size of one-step targets": logged.abs().mean().item(),
        "mean difference of the lambda-returns": (corrected_targets - logged).abs().mean().item(),
        "largest difference of the lambda-returns": (corrected_targets - logged).abs().max().item(),
        "share of the bootstrap lost": moved.mean().item(),
    }


def task_embedding():
    """Gradient norms and moves of the embedding table over 50 updates."""
    found = {}
    for variant in Variant:
        algorithm = Algorithm(
            critic_units=(16,),
            critic_iterations=1,
            finetune_world_model=True,
            variants=Variants(task_embedding=variant),
        )
        world, trained = World(7), learner(algorithm, fresh(MLPWorldModel(MLPWorldModelConfig(**SIZES), SPACES)))
        table = trained.world_model.parameters()["_task_emb.weight"]
        start, norms = table.detach().clone(), []
        for number in range(50):
            norms.append(trained.update(number, batch(world)).metrics["wm_grad_norm"].item())
        found[f"mean gradient norm of updates 41-50, {variant}"] = sum(norms[-10:]) / 10
        found[f"largest move of an embedding entry, {variant}"] = (table.detach() - start).abs().max().item()
    return found


def mask_actions():
    """How far padded action entries move the reward of a random model."""
    model = randomised(MLPWorldModel(MLPWorldModelConfig(**SIZES), SPACES), 1.5)
    observation, action, _, _ = World(7).slices(1000, 1)
    task = torch.ones(1000, dtype=torch.long)
    mask = action_masks(SPACES)[task]
    padding = 2 * torch.rand(1000, 6, generator=torch.Generator().manual_seed(0)) - 1
    with torch.no_grad():
        latent = model.encode(observation[0], task)
        clean, padded = (
            expectation(model.reward(latent, given, task), model.reward_bins())
            for given in (action[0] * mask, action[0] * mask + padding * (1 - mask))
        )
    return {
        "largest change of a reward": (padded - clean).abs().max().item(),
        "mean change of a reward": (padded - clean).abs().mean().item(),
    }


def velocity_head():
    """Flow models fitted with either head on the same latents."""
    found = {}
    for head in Variant:
        config = FlowWorldModelConfig(**SIZES, velocity_head=head, substeps=1)
        model = fresh(FlowWorldModel(config, SPACES, RungeKutta(HEUN)))
        randomised(model)
        trained = [value for name, value in model.named_parameters() if name.startswith("_velocity.")]
        world = World(7)
        loss = fit(model, world, Algorithm(reward_weight=0.0), 500, 2e-3, trained)
        observation, action, _, task = world.slices(500)
        with torch.no_grad():
            latent = model.encode(observation[0], task)
            for step in range(HORIZON):
                latent = model.next(latent, action[step], task)
            sums = latent.unflatten(-1, (-1, 8)).sum(-1).mean().item()
            error = (latent - model.encode(observation[-1], task)).square().mean().sqrt().item()
        found[f"dynamics loss, {head}"] = loss.dynamics.item()
        found[f"sum of a latent's group after {HORIZON} steps, {head}"] = sums
        found[f"error of the latent after {HORIZON} steps, {head}"] = error
    return found


def episode_sampling():
    """Share of distinct episodes when as many as there are get drawn with replacement."""
    drawn = torch.randint(24_000, (24_000,), generator=torch.Generator().manual_seed(0))
    return {"share of the episodes used as logged": drawn.unique().numel() / 24_000}


MEASURED = {
    "reward_loss": reward_loss,
    "td_targets, bootstrap": targets_and_bootstrap,
    "task_embedding": task_embedding,
    "mask_actions": mask_actions,
    "velocity_head": velocity_head,
    "episode_sampling": episode_sampling,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="also write the figures here, as JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    figures = {}
    for name, measure in MEASURED.items():
        figures[name] = {what: float(f"{value:.4g}") for what, value in measure().items()}
        for what, value in figures[name].items():
            print(f"{name}: {what}: {value:g}", flush=True)
    if arguments.out:
        text = json.dumps({"torch": torch.__version__, "figures": figures}, indent=2, sort_keys=True)
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
