"""What every world model must do, as tests."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from rephase.plugins import Kind, Offer
from rephase.protocols import (
    Calibrated,
    Integrator,
    OwnRewards,
    Recurrent,
    StepCalibrated,
    Stochastic,
    TwoHotRewards,
    WorldModel,
)
from rephase.testing.modules import BATCH, SPACES, ModuleConformance, fixed
from rephase.testing.offers import built_config

__all__ = ["WorldModelConformance"]

_TIMES = 3
_DRAWS = 64
_TASKS = (0, 2, 1, 0, 2)


class WorldModelConformance(ModuleConformance):
    """Tests of a world model; supply the fixture ``offer``, and ``settings`` where defaults do not do.

    Its optional abilities, by `rephase.protocols`, are held to its rules, too: rewards it reads itself (`OwnRewards`),
    steps that are drawn (`Stochastic`) and a memory (`Recurrent`).
    """

    @pytest.fixture
    def build(self, offer: Offer, settings: dict[str, Any], integrator: Integrator | None) -> Callable[[], Any]:
        """Makes a fresh world model, given the spread of its observations if it asks for it."""
        assert offer.kind is Kind.WORLD_MODEL, f"the offer is a {offer.kind}, not a world model"
        config = built_config(offer, settings)

        def built() -> Any:
            model = offer.load()(config, SPACES, integrator)
            for task in range(SPACES.tasks) if isinstance(model, Calibrated) else ():
                mean, push = (fixed(SPACES.observation, name=f"{name}-{task}") for name in ("mean", "deviation"))
                model.calibrate(mean, push.exp(), task)
                if isinstance(model, StepCalibrated):
                    model.calibrate_steps(push.exp() / 2, task)
            return model

        return built

    def outputs(self, part: Any, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
        """Latents, next latents, rewards and transition losses of fixed inputs."""
        observation, action, task = _inputs(dtype)
        latent = _latent(part, observation, action, task)
        following = part.next(latent, action, task)
        said = part.reward(latent, action, task)
        found = {
            "encode": part.encode(observation, task),
            "next": following,
            "reward": said,
            "transition_loss": part.transition_loss(latent, following.detach() * 0.5, action, task, _tau(part, dtype)),
        }
        if isinstance(part, Stochastic):
            found["sample"] = part.sample(latent, action, task, _noise(part, dtype))
        if isinstance(part, Recurrent):
            found["observe"] = part.observe(latent, action, -observation, task)
        if isinstance(part, OwnRewards):
            found["decode_reward"] = part.decode_reward(said)
            found["reward_loss"] = part.reward_loss(said, observation[:, 0])
        return found

    def test_is_a_world_model(self, part: Any) -> None:
        """Every method of the protocol is there."""
        assert isinstance(part, WorldModel), "a method of rephase.protocols.WorldModel is missing"
        ways = [isinstance(part, one) for one in (TwoHotRewards, OwnRewards)]
        assert any(ways), "rewards cannot be read: reward_bins is missing, or decode_reward and reward_loss"
        assert not all(ways), "rewards are read twice: by reward_bins and by decode_reward"

    def test_results_have_the_right_shape(self, part: Any) -> None:
        """Latents are as wide as declared, logits as many as bins, and the loss is one number."""
        found = self.outputs(part)
        expected: dict[str, tuple[int, ...]] = {
            name: (BATCH, part.latent_size()) for name in ("encode", "next", "sample", "observe")
        }
        expected |= {"decode_reward": (BATCH,), "reward_loss": (BATCH,), "transition_loss": ()}
        if not isinstance(part, OwnRewards):
            expected["reward"] = (BATCH, len(part.reward_bins()))
            assert bool((part.reward_bins().diff() > 0).all()), "reward_bins does not increase"
        for name, value in found.items():
            shape = expected.get(name, tuple(value.shape))
            assert value.shape == shape, f"{name} returned {tuple(value.shape)}, expected {shape}"
        if isinstance(part, Stochastic):
            assert part.sample_noise_shape(BATCH)[0] == BATCH, "the first entry of sample_noise_shape is not the batch"
        assert found["transition_loss"].item() >= 0, "transition_loss is negative"

    def test_takes_a_leading_time_axis(self, part: Any) -> None:
        """A sequence gives what its steps give one by one."""
        _, _, task = _inputs()
        observation = fixed(_TIMES, BATCH, SPACES.observation, name="observations")
        action = fixed(_TIMES, BATCH, SPACES.action, name="actions").tanh()
        latent = part.encode(observation, task)
        steps_taken = list(zip(latent, action, strict=True))
        for name, sequence, steps in (
            ("encode", latent, [part.encode(row, task) for row in observation]),
            ("reward", part.reward(latent, action, task), [part.reward(*step, task) for step in steps_taken]),
            ("next", part.next(latent, action, task), [part.next(*step, task) for step in steps_taken]),
        ):
            assert torch.allclose(sequence, torch.stack(steps), rtol=1e-4, atol=1e-5), (
                f"{name} of a sequence differs from its steps"
            )

    def test_every_row_stands_alone(self, part: Any) -> None:
        """A row's result does not depend on the rest of the batch."""
        observation, action, task = _inputs()
        latent = part.encode(observation, task)
        one = latent[1:2], action[1:2], task[1:2]
        cases = [
            ("encode", latent, part.encode(observation[1:2], task[1:2])),
            ("next", part.next(latent, action, task), part.next(*one)),
            ("reward", part.reward(latent, action, task), part.reward(*one)),
        ]
        if isinstance(part, Stochastic):
            noise = _noise(part, torch.float32)
            cases += [("sample", part.sample(latent, action, task, noise), part.sample(*one, noise[1:2]))]
        if isinstance(part, Recurrent):
            found = part.observe(latent, action, -observation, task)
            cases += [("observe", found, part.observe(latent[1:2], action[1:2], -observation[1:2], task[1:2]))]
        for name, together, alone in cases:
            assert torch.allclose(together[1:2], alone, rtol=1e-4, atol=1e-5), f"{name} mixes rows of the batch"

    def test_action_and_task_matter(self, part: Any) -> None:
        """Another action leads elsewhere, and another task is seen otherwise."""
        observation, action, task = _inputs()
        with torch.no_grad():
            for parameter in part.parameters():
                parameter.add_(fixed(*parameter.shape, name="push") * 0.3)
        latent = part.encode(observation, task)
        assert not torch.equal(part.next(latent, action, task), part.next(latent, -action, task)), (
            "next ignores actions"
        )
        assert not torch.equal(latent, part.encode(observation, (task + 1) % SPACES.tasks)), "encode ignores tasks"

    def test_leaves_its_inputs_alone(self, part: Any) -> None:
        """Nothing passed in is changed in place."""
        inputs = _inputs()
        copies = [value.clone() for value in inputs]
        observation, action, task = inputs
        latent = part.encode(observation, task)
        kept = latent.clone()
        part.next(latent, action, task)
        part.reward(latent, action, task)
        part.transition_loss(latent, kept, action, task, _tau(part, torch.float32))
        if isinstance(part, Stochastic):
            part.sample(latent, action, task, _noise(part, torch.float32))
        if isinstance(part, Recurrent):
            part.observe(latent, action, observation, task)
        assert torch.equal(latent, kept), "a method changed its latents in place"
        assert all(torch.equal(a, b) for a, b in zip(inputs, copies, strict=True)), (
            "a method changed its inputs in place"
        )

    def test_gradients_reach_every_parameter(self, part: Any) -> None:
        """A loss on transitions and rewards moves every parameter, and reaches actions and latents."""
        with torch.no_grad():
            for parameter in part.parameters():
                parameter.add_(fixed(*parameter.shape, name="push") * 0.1)
        observation, action, task = _inputs()
        action = action.requires_grad_()
        latent = _latent(part, observation, action, task)
        if latent.requires_grad:
            latent.retain_grad()
        else:  # an encoder that is not learned
            latent.requires_grad_()
        loss = part.transition_loss(latent, latent.detach() * 0.5, action, task, _tau(part, torch.float32))
        following = part.next(latent, action, task)
        said = part.reward(following, action, task)
        (loss + (said * fixed(said.shape[-1], name="weights")).sum()).backward()
        for name, parameter in part.named_parameters():
            reached = parameter.grad is not None and bool((parameter.grad != 0).any())
            assert reached, f"no gradient reaches {name}"
        assert action.grad is not None and bool((action.grad != 0).any()), "no gradient reaches the actions"
        assert latent.grad is not None and bool((latent.grad != 0).any()), "no gradient reaches the latents"

    def test_rewards_are_read_as_they_are_trained(self, part: Any) -> None:
        """What the head says, fitted to a reward by the model's own loss, is read as that reward in symlog units."""
        if not isinstance(part, OwnRewards):
            return
        rewards = torch.tensor([-1.5, 0.0, 0.2, 2.0])
        width = self.outputs(part)["reward"].shape[-1]
        said = torch.zeros(len(rewards), width, requires_grad=True)
        optimiser = torch.optim.Adam([said], lr=0.05)
        for _ in range(600):
            optimiser.zero_grad()
            part.reward_loss(said, rewards).sum().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        for reward, found in zip(rewards.tolist(), part.decode_reward(said).tolist(), strict=True):
            wanted = math.copysign(math.log1p(abs(reward)), reward)
            assert abs(found - wanted) < 0.1, (
                f"a reward of {reward} is read as {found:.2f}, expected {wanted:.2f} (symlog)"
            )

    def test_drawn_steps_lie_around_next(self, part: Any) -> None:
        """Noise decides the step, `next` is the mean of the steps, and the gradient reaches the actions."""
        if not isinstance(part, Stochastic):
            return
        observation, action, task = _inputs()
        latent, action = _latent(part, observation, action, task).detach(), action.requires_grad_()
        shape = part.sample_noise_shape(BATCH)
        drawn = torch.stack(
            [part.sample(latent, action, task, fixed(*shape, name=f"noise-{at}")) for at in range(_DRAWS)]
        )
        assert not torch.equal(drawn[0], drawn[1]), "sample ignores its noise"
        (gradient,) = torch.autograd.grad(drawn[0].square().sum(), action)
        assert bool((gradient != 0).any()), "no gradient reaches the actions through sample"
        gap = (drawn.mean(0) - part.next(latent, action, task)).abs()  # type: ignore[attr-defined]
        assert bool((gap <= 6 * drawn.std(0) / _DRAWS**0.5 + 1e-4).all()), "next is not the mean of what sample draws"

    def test_memory_is_carried_and_what_is_seen_counts(self, part: Any) -> None:
        """After `observe` the latent depends on what is seen now and on what was seen before."""
        if not isinstance(part, Recurrent):
            return
        observation, action, task = _inputs()
        before = part.encode(observation, task), part.encode(-observation, task)  # type: ignore[attr-defined]
        after = part.observe(before[0], action, observation, task)
        assert not torch.equal(after, part.observe(before[0], action, -observation, task)), (
            "observe ignores what is seen"
        )
        assert not torch.equal(after, part.observe(before[1], action, observation, task)), (
            "observe forgets what was seen"
        )
        assert not torch.equal(after, part.observe(before[0], -action, observation, task)), "observe ignores actions"

    def test_constrains_only_the_tasks_in_use_and_only_once(self, part: Any) -> None:
        """`constrain` leaves other tasks' parameters alone, and a second time changes nothing."""
        with torch.no_grad():
            for parameter in part.parameters():
                parameter.mul_(100)
        before = {name: value.clone() for name, value in part.state_dict().items()}
        part.constrain(torch.tensor([1]))
        once = {name: value.clone() for name, value in part.state_dict().items()}
        for name in part.task_parameters():
            others = [0, 2]
            assert torch.equal(once[name][others], before[name][others]), f"constrain changed other tasks in {name}"
        part.constrain(torch.tensor([1]))
        for name, value in part.state_dict().items():
            assert torch.allclose(value, once[name], rtol=1e-6), f"constraining a second time changes {name}"

    def test_names_its_task_parameters(self, part: Any) -> None:
        """Every name in `task_parameters` is a parameter of the part."""
        names = dict(part.named_parameters())
        unknown = [name for name in part.task_parameters() if name not in names]
        assert not unknown, f"task_parameters names {unknown}, which are no parameters"


def _inputs(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    observation = fixed(BATCH, SPACES.observation, name="observation", dtype=dtype)
    action = fixed(BATCH, SPACES.action, name="action", dtype=dtype).tanh()
    return observation, action, torch.tensor(_TASKS)


def _tau(part: Any, dtype: torch.dtype) -> Tensor | None:
    shape = part.transition_noise_shape(BATCH)
    return None if shape is None else fixed(*shape, name="tau", dtype=dtype).sigmoid()


def _noise(part: Any, dtype: torch.dtype) -> Tensor:
    return fixed(*part.sample_noise_shape(BATCH), name="noise", dtype=dtype)


def _latent(part: Any, observation: Tensor, action: Tensor, task: Tensor) -> Tensor:
    """Latents of observations; of a model that remembers, with something to remember."""
    latent: Tensor = part.encode(observation, task)
    return part.observe(latent, action, observation, task) if isinstance(part, Recurrent) else latent
