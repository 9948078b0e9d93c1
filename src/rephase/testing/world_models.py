"""What every world model must do, as tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from rephase.plugins import Kind, Offer
from rephase.protocols import Calibrated, Integrator, WorldModel
from rephase.testing.modules import BATCH, SPACES, ModuleConformance, fixed
from rephase.testing.offers import built_config

__all__ = ["WorldModelConformance"]

_TIMES = 3
_TASKS = (0, 2, 1, 0, 2)


class WorldModelConformance(ModuleConformance):
    """Tests of a world model; supply the fixture ``offer``, and ``settings`` where defaults do not do."""

    @pytest.fixture
    def build(self, offer: Offer, settings: dict[str, Any], integrator: Integrator | None) -> Callable[[], Any]:
        """Makes a fresh world model, told how observations are spread if it wants to know."""
        assert offer.kind is Kind.WORLD_MODEL, f"the offer is a {offer.kind}, not a world model"
        config = built_config(offer, settings)

        def built() -> Any:
            model = offer.load()(config, SPACES, integrator)
            for task in range(SPACES.tasks) if isinstance(model, Calibrated) else ():
                mean, push = (fixed(SPACES.observation, name=f"{name}-{task}") for name in ("mean", "deviation"))
                model.calibrate(mean, push.exp(), task)
            return model

        return built

    def outputs(self, part: Any, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
        """Latents, next latents, rewards and transition losses of fixed inputs."""
        observation, action, task = _inputs(dtype)
        latent = part.encode(observation, task)
        following = part.next(latent, action, task)
        return {
            "encode": latent,
            "next": following,
            "reward": part.reward(latent, action, task),
            "transition_loss": part.transition_loss(latent, following.detach() * 0.5, action, task, _tau(part, dtype)),
        }

    def test_is_a_world_model(self, part: Any) -> None:
        """Every method of the protocol is there."""
        assert isinstance(part, WorldModel), "a method of rephase.protocols.WorldModel is missing"

    def test_results_have_the_right_shape(self, part: Any) -> None:
        """Latents are as wide as declared, logits as many as bins, and the loss is one number."""
        found, bins = self.outputs(part), part.reward_bins()
        expected = {
            "encode": (BATCH, part.latent_size()),
            "next": (BATCH, part.latent_size()),
            "reward": (BATCH, len(bins)),
            "transition_loss": (),
        }
        for name, shape in expected.items():
            assert found[name].shape == shape, f"{name} returned {tuple(found[name].shape)}, expected {shape}"
        assert bool((bins.diff() > 0).all()), "reward_bins does not increase"
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
        for name, together, alone in (
            ("encode", latent, part.encode(observation[1:2], task[1:2])),
            ("next", part.next(latent, action, task), part.next(latent[1:2], action[1:2], task[1:2])),
            ("reward", part.reward(latent, action, task), part.reward(latent[1:2], action[1:2], task[1:2])),
        ):
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
        latent = part.encode(observation, task)
        if latent.requires_grad:
            latent.retain_grad()
        else:  # an encoder that is not learned
            latent.requires_grad_()
        loss = part.transition_loss(latent, latent.detach() * 0.5, action, task, _tau(part, torch.float32))
        following = part.next(latent, action, task)
        (
            loss + (part.reward(following, action, task) * fixed(len(part.reward_bins()), name="weights")).sum()
        ).backward()
        for name, parameter in part.named_parameters():
            reached = parameter.grad is not None and bool((parameter.grad != 0).any())
            assert reached, f"no gradient reaches {name}"
        assert action.grad is not None and bool((action.grad != 0).any()), "no gradient reaches the actions"
        assert latent.grad is not None and bool((latent.grad != 0).any()), "no gradient reaches the latents"

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
