"""The problems that are measured: sizes of the parts and settings of the algorithm, built as a phase builds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from attrs import evolve, frozen
from rephase_flow.offers import FlowPolicyConfig
from rephase_flow.policy import FlowPolicy
from rephase_mlp.offers import GaussianPolicyConfig, MLPWorldModelConfig
from rephase_mlp.policy import GaussianPolicy
from rephase_mlp.world_model import MLPWorldModel
from rephase_rk.methods import heun
from rephase_rk.offers import RungeKuttaConfig

from rephase.engine.critic import CriticEnsembles
from rephase.engine.learner import Batch, Learner, action_masks
from rephase.engine.parts import SharedPart, StackedPart
from rephase.engine.seeding import stream
from rephase.environments import SPACES
from rephase.manifest import read_phase
from rephase.manifest.algorithm import Algorithm, Variants
from rephase.manifest.reading import structure
from rephase.protocols import Policy

__all__ = ["CONFIGS", "SIZES", "Problem", "Size", "size_of"]

CONFIGS = ("baseline", "flowpolicy")
_ROOT = Path(__file__).parents[2]


@frozen(kw_only=True)
class Size:
    """Sizes of the parts, and the algorithm they are trained by."""

    world_model: MLPWorldModelConfig
    policy_units: tuple[int, ...]
    algorithm: Algorithm


SIZES = ("embedded", "5M", "48M")


def size_of(name: str) -> Size:
    """A size by name: what the embedded phase pins, or one TD-MPC2 names with the policies and schedule of the log.

    The defects of the logged code are in all of them: the plain loop has them too.
    """
    if name == "5M":
        model = MLPWorldModelConfig(latent_size=512, encoder_units=(256, 256), units=(512, 512), task_size=96)
        return Size(world_model=model, policy_units=(400, 200, 100), algorithm=Algorithm())
    if name == "48M":
        return Size(world_model=MLPWorldModelConfig(), policy_units=(400, 200, 100), algorithm=Algorithm())
    phase = read_phase(_ROOT / "reproductions/phase3/embedded.toml")
    resolved = phase.resolved("baseline")
    return Size(
        world_model=structure(resolved["world_model"]["settings"], MLPWorldModelConfig, "the world model"),
        policy_units=tuple(resolved["policy"]["settings"]["units"]),
        algorithm=evolve(phase.algorithm("baseline"), variants=Variants()),
    )


@frozen(eq=False, kw_only=True)
class Problem:
    """R runs of one config at one size: the same parameters and draws whoever computes with them."""

    size: Size
    config: str
    runs: int
    device: str

    @classmethod
    def of(cls, size: str, config: str, runs: int, device: str, **changes: Any) -> Problem:
        """A named size with some settings of its algorithm changed."""
        chosen = size_of(size)
        return cls(
            size=evolve(chosen, algorithm=evolve(chosen.algorithm, **changes)), config=config, runs=runs, device=device
        )

    def world_model(self) -> MLPWorldModel:
        """The world model, drawn from a stream of its own."""
        model = MLPWorldModel(self.size.world_model, SPACES)
        model.initialise(stream(0, "world-model"))
        # The reward head starts at zero, where no gradient would flow; a trained one is not.
        torch.nn.init.normal_(model._reward[-1].weight, std=0.02, generator=stream(0, "reward-head"))
        return model.to(self.device)

    def policy(self, run: int) -> Policy:
        """One run's policy."""
        latent, units = self.size.world_model.latent_size, self.size.policy_units
        policy: Policy
        if self.config == "baseline":
            policy = GaussianPolicy(GaussianPolicyConfig(units=units), latent, SPACES.action)
        else:
            policy = FlowPolicy(FlowPolicyConfig(units=units), latent, SPACES.action, heun(RungeKuttaConfig()))
        policy.initialise(stream(run, "policy"))
        return policy.to(self.device)

    def critics(self, runs: list[int]) -> CriticEnsembles:
        """The critics of some runs."""
        algorithm = self.size.algorithm
        critics = CriticEnsembles(
            len(runs), self.size.world_model.latent_size, algorithm.critic_units, algorithm.critics
        )
        critics.initialise([stream(run, "critic") for run in runs])
        return critics.to(self.device)

    def learner(self) -> Learner:
        """All runs as one stacked program."""
        model = self.world_model()
        return Learner(
            world_model=SharedPart(model, self.runs),
            policy=StackedPart([self.policy(run) for run in range(self.runs)]),
            critics=self.critics(list(range(self.runs))),
            algorithm=self.size.algorithm,
            action_masks=action_masks(SPACES).to(self.device),
            task_parameters=model.task_parameters(),
        )

    def batch(self) -> Batch:
        """What one update of all runs learns from."""
        algorithm, draws = self.size.algorithm, stream(0, "draws")
        rows = algorithm.batch_size
        task = (torch.arange(self.runs) % SPACES.tasks).unsqueeze(1).expand(-1, rows)
        observation = torch.randn(self.runs, rows, SPACES.observation, generator=draws)
        noise = torch.randn(algorithm.horizon, self.runs, rows, SPACES.action, generator=draws)
        return Batch(observation=observation.to(self.device), task=task.to(self.device), noise=noise.to(self.device))
