"""Runs trained together as a single stacked program: in one frozen world model, or each beside a model of its own.

Each run has its own random streams, so the noise it sees does not depend on its neighbours; a run trained alone and
in a cohort differ by rounding only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from attrs import frozen
from torch import Tensor, nn

from rephase.engine.acting import Actors, Belief
from rephase.engine.critic import CriticEnsembles
from rephase.engine.cuda_graphs import Program, Recorder, recorder_for
from rephase.engine.drawing import Inputs, RandomInputs, SliceSource
from rephase.engine.learner import Learner, action_masks
from rephase.engine.parts import SharedPart, StackedPart
from rephase.engine.planning import Imagined, Planner
from rephase.engine.precision import effective_precision, training_precision
from rephase.engine.rewards import symexp
from rephase.engine.seeding import stream
from rephase.errors import RunFailed
from rephase.manifest.algorithm import Algorithm, Precision, Variant
from rephase.manifest.schema import Planning
from rephase.protocols import OwnLoss, Policy, Spaces, Stochastic, WorldModel

__all__ = ["Cohort", "UpdateMetrics", "Member"]


@frozen
class Member:
    """One run of a cohort.

    Args:
        task: Task index.
        seed: Seed of all its random streams.
    """

    task: int
    seed: int


@frozen
class UpdateMetrics:
    """Metrics of one run at one epoch.

    Args:
        epoch: Updates done, at least 1.
        metrics: Values by name.
    """

    epoch: int
    metrics: Mapping[str, float]


class Cohort:
    """R runs, each a (task, seed), extracting policies from world models.

    Args:
        world_model: One frozen model that serves all runs; or, where the algorithm trains it, one for each run, with
            its parameters as they are to begin with.
        build_policy: Makes one run's policy module; called once for each run.
        algorithm: What to do.
        members: The runs.
        experience: By task index, start observations (n, S) for a frozen model, or where to draw episodes from:
            start states for a frozen model, slices for models that train; these also as one for each run.
        spaces: Sizes of the task suite.
        stackable: Whether policies may run under `torch.func.vmap`; one after the other otherwise.
        device: Where to compute.
        model_stackable: The same for world models that train.
        recorder: What records an update to replay it; None for what the device offers.
    """

    def __init__(
        self,
        *,
        world_model: WorldModel | Sequence[WorldModel],
        build_policy: Callable[[], Policy],
        algorithm: Algorithm,
        members: Sequence[Member],
        experience: Mapping[int, Tensor] | Mapping[int, SliceSource] | Sequence[SliceSource],
        spaces: Spaces,
        stackable: bool = True,
        device: str | torch.device = "cpu",
        model_stackable: bool = True,
        recorder: Recorder | None = None,
    ) -> None:
        self.members = tuple(members)
        self.algorithm = algorithm
        self.device = torch.device(device)
        self.epoch = 0
        runs = len(self.members)
        models = list(world_model) if isinstance(world_model, Sequence) else [world_model]
        assert len(models) == (runs if algorithm.finetune_world_model else 1)
        modules = [_module(model).to(self.device) for model in models]
        model = models[0]
        policies = [build_policy() for _ in members]
        for policy, member in zip(policies, members, strict=True):
            policy.initialise(stream(member.seed, "policy"))
        first = policies[0]
        self._policy_noise_shape = first.noise_shape
        self._action_size = spaces.action
        stacked = StackedPart([_module(policy).to(self.device) for policy in policies], stackable)
        critics = CriticEnsembles(runs, model.latent_size(), algorithm.critic_units, algorithm.critics)
        critics.initialise([stream(member.seed, "critic") for member in members])
        self._world_model = (
            StackedPart(modules, model_stackable) if algorithm.finetune_world_model else SharedPart(modules[0], runs)
        )
        masked = algorithm.variants.mask_actions is Variant.CORRECTED
        masks = action_masks(spaces).to(self.device)
        self._learner = Learner(
            world_model=self._world_model,
            policy=stacked,
            critics=critics.to(self.device),
            algorithm=algorithm,
            action_masks=masks,
            task_parameters=model.task_parameters(),
        )
        self._draws = RandomInputs(
            seeds=[member.seed for member in members],
            experience=[experience[member.task] for member in members]
            if isinstance(experience, Mapping)
            else experience,
            size=algorithm.batch_size,
            horizon=algorithm.horizon,
            noise_shape=first.noise_shape(algorithm.batch_size),
            model_noise_shape=model.transition_noise_shape(algorithm.batch_size * algorithm.model_updates),
            model_updates=algorithm.model_updates,
            trains_model=algorithm.finetune_world_model,
            step_noise_shape=model.sample_noise_shape(algorithm.batch_size) if isinstance(model, Stochastic) else None,
            loss_draws_shape=first.own_loss_draws(algorithm.batch_size * algorithm.horizon)
            if isinstance(first, OwnLoss)
            else None,
        )
        self._tasks = torch.tensor([member.task for member in members], device=self.device)
        self._actors = Actors(self._world_model, stacked, self._tasks, masks if masked else None)
        self._inputs = Inputs(self._tasks, algorithm.batch_size)
        self._now = torch.zeros((), dtype=torch.long, device=self.device)
        self._first_bad: dict[str, Tensor] = {}
        self._metrics: Mapping[str, Tensor] = {}
        self._program = Program(self._update, self.device, recorder or recorder_for(self.device))

    @property
    def mode(self) -> str:
        """How updates are run now: ``replayed`` or ``as written``, with the reason where a GPU should replay them."""
        return self._program.mode

    @property
    def precision(self) -> Precision:
        """What matrix products are computed in while training here."""
        return effective_precision(self.algorithm.precision, self.device)

    def advance(self, epochs: int) -> None:
        """Make this many more updates, at most up to the algorithm's number of epochs."""
        for _ in range(min(epochs, self.algorithm.epochs - self.epoch)):
            self._inputs.fill(self._draws.draw())
            self._learner.set_learning_rates(self.epoch)
            self._now.fill_(self.epoch)
            self._metrics = self._program.run()
            self.epoch += 1

    def points(self) -> tuple[UpdateMetrics, ...]:
        """Metrics of each run after the latest update; waits for the device."""
        rows = {name: values.tolist() for name, values in self._metrics.items()}
        return tuple(
            UpdateMetrics(self.epoch, {name: row[run] for name, row in rows.items()})
            for run in range(len(self.members))
        )

    def failure(self, run: int) -> RunFailed | None:
        """Why a run can no longer be trusted: the first epoch a gradient norm was not finite; None while well."""
        found = [
            (epoch, name.replace("_grad_norm", " gradient norm"))
            for name, first in self._first_bad.items()
            if (epoch := int(first[run])) >= 0
        ]
        if not found:
            return None
        epoch, quantity = min(found)
        return RunFailed(
            f"the {quantity} was not finite at epoch {epoch}",
            epoch=epoch,
            quantity=quantity,
            remedy="look at the learning curve in the run's folder; the last good state is kept there",
        )

    def act(self, observation: Tensor) -> Tensor:
        """Deterministic actions of every run's policy in its own task, at the first step of episodes.

        Args:
            observation: (R, E, S), on any device.

        Returns:
            Actions in [-1, 1], (R, E, A), on the CPU.
        """
        return self.acting()(observation)

    def acting(self) -> Callable[[Tensor], Tensor]:
        """What acts as `act` does from the first step of episodes to their last, remembering them where models do."""
        return self._actors.begun().act

    def actors(self) -> Actors:
        """The runs' deterministic policies as they are now, on the CPU, whatever becomes of the runs."""
        return self._actors.copied()

    def planner(self, planning: Planning) -> Planner:
        """Plans the runs' actions in their world models, as an alternative to `act`; draws from the runs' own streams.

        Args:
            planning: How.
        """
        policy, model, learner = self._learner.policy, self._world_model, self._learner

        belief = Belief(model, learner.masked)

        def tasks(rows: Tensor) -> Tensor:
            return self._tasks.unsqueeze(1).expand(rows.shape[:2])

        def encode(observation: Tensor) -> Tensor:
            observation = observation.to(self.device)
            model.constrain(tasks(observation))
            policy.constrain()
            return belief.see(observation, tasks(observation))

        def taken(latent: Tensor, action: Tensor) -> None:
            belief.act(latent, action, tasks(latent))

        def step(latent: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
            task = tasks(latent)
            action = learner.masked(action, task)
            reward = learner.rewards.decode(model.call("reward", latent, action, task))
            return model.call("next", latent, action, task), reward

        return Planner(
            imagined=Imagined(
                step, lambda latent, noise: policy.call("act", latent, noise).tanh(), learner.critics.value
            ),
            encode=encode,
            taken=taken,
            noise_shape=self._policy_noise_shape,
            action_size=self._action_size,
            planning=planning,
            gamma=self.algorithm.gamma,
            generators=[stream(member.seed, "planning") for member in self.members],
        )

    def predicted_return(self, observation: Tensor, steps: int) -> Tensor:
        """Plain return the world model predicts for the deterministic policies.

        Args:
            observation: Start observations, (R, E, S).
            steps: Agent steps to imagine.

        Returns:
            Undiscounted sums of predicted rewards, (R, E).
        """
        with torch.no_grad():
            observation = observation.to(self.device)
            task = self._tasks.unsqueeze(1).expand(observation.shape[:2])
            self._world_model.constrain(task)
            latent = self._world_model.call("encode", observation, task)
            total = torch.zeros(observation.shape[:2], device=self.device)
            for _ in range(steps):
                action = self._learner.masked(self._learner.policy.call("mean", latent).tanh(), task)
                said = self._world_model.call("reward", latent, action, task)
                total += symexp(self._learner.rewards.decode(said))
                latent = self._world_model.call("next", latent, action, task)
        return total.cpu()

    def policy_state(self, run: int) -> dict[str, Tensor]:
        """Parameters of one run's policy, on the CPU, by name."""
        return {name: value.cpu() for name, value in self._learner.policy.state(run).items()}

    def world_model_state(self, run: int) -> dict[str, Tensor]:
        """Parameters of one run's own world model, on the CPU, by name; empty where the model is frozen."""
        if isinstance(self._world_model, SharedPart):
            return {}
        return {name: value.cpu() for name, value in self._world_model.state(run).items()}

    def critic_state(self, run: int) -> dict[str, Tensor]:
        """Parameters of one run's critics, on the CPU, by name."""
        return {name: value.cpu() for name, value in self._learner.critics.state(run).items()}

    def state_dict(self) -> dict[str, Tensor]:
        """Everything the next update depends on, as tensors by name; loading it continues bit for bit."""
        state = {"epoch": torch.tensor(self.epoch)}
        for part, owner in self._owners():
            state |= {f"{part}/{name}": value.detach() for name, value in owner.parameters().items()}
        for name in ("mean", "var", "count"):
            state[f"returns/{name}"] = getattr(self._learner.returns, name)
        for name, optimiser in self._learner.optimisers.items():
            for index, slots in optimiser.state_dict()["state"].items():
                state |= {f"optimiser/{name}/{index}/{slot}": value for slot, value in slots.items()}
        for name, first in self._first_bad.items():
            state[f"first_bad/{name}"] = first
        for name, parameter in self._learner.uncleared.items():
            if parameter.grad is not None:
                state[f"uncleared/{name}"] = parameter.grad
        state |= {f"generator/{name}": value for name, value in self._draws.state_dict().items()}
        return {name: value.detach().cpu().clone() for name, value in state.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take over a state made by `state_dict` of a cohort of the same members and algorithm."""
        self.epoch = int(state["epoch"])
        with torch.no_grad():
            for part, owner in self._owners():
                for name, value in owner.parameters().items():
                    value.copy_(state[f"{part}/{name}"])
            for name in ("mean", "var", "count"):
                getattr(self._learner.returns, name).copy_(state[f"returns/{name}"])
        for name, optimiser in self._learner.optimisers.items():
            current = optimiser.state_dict()
            current["state"] = _slots(state, f"optimiser/{name}/")
            optimiser.load_state_dict(current)
        self._first_bad = {
            name.removeprefix("first_bad/"): value.to(self.device).clone()
            for name, value in state.items()
            if name.startswith("first_bad/")
        }
        for name, parameter in self._learner.uncleared.items():
            if f"uncleared/{name}" in state:
                parameter.grad = state[f"uncleared/{name}"].to(self.device).clone()
        self._draws.load_state_dict(
            {name.removeprefix("generator/"): value for name, value in state.items() if name.startswith("generator/")}
        )
        self._program.forget()

    def _owners(self) -> tuple[tuple[str, StackedPart | SharedPart | CriticEnsembles], ...]:
        learner = self._learner
        return ("policy", learner.policy), ("critic", learner.critics), ("world_model", self._world_model)

    def _update(self) -> Mapping[str, Tensor]:
        """One update from the inputs, without drawing anything or waiting for the device: what a GPU replays."""
        with training_precision(self.algorithm.precision, self.device):
            metrics = self._learner.learn(self._inputs.batch).metrics
        for name in [name for name in metrics if name.endswith("_grad_norm")]:
            bad = ~torch.isfinite(metrics[name])
            seen = self._first_bad.setdefault(name, torch.full_like(bad, -1, dtype=torch.long))
            seen.copy_(torch.where(bad & (seen < 0), self._now, seen))
        return metrics


def _module(part: Policy | WorldModel) -> nn.Module:
    assert isinstance(part, nn.Module)
    return part


def _slots(state: Mapping[str, Tensor], prefix: str) -> dict[int, dict[str, Tensor]]:
    slots: dict[int, dict[str, Tensor]] = {}
    for name, value in state.items():
        if name.startswith(prefix):
            index, slot = name.removeprefix(prefix).split("/")
            slots.setdefault(int(index), {})[slot] = value.clone()
    return slots
