"""What world models and policies of plugins build on: encoders, embeddings, bins, noise."""

from __future__ import annotations

import math

import pytest
import torch
from attrs import frozen
from torch import nn

from rephase.engine.bases import NoisyStart, TaskWorldModel
from rephase.engine.seeding import stream


@frozen(kw_only=True)
class Settings:
    latent_size: int = 8
    encoder: str = "mlp"
    encoder_units: tuple[int, ...] = (10,)
    task_size: int = 4
    simnorm: int = 4
    bins: int = 5
    lowest: float = -2.0
    highest: float = 2.0
    initial_log_std: float = math.log(0.5)
    lowest_log_std: float = math.log(0.25)


class Model(TaskWorldModel):
    def __init__(self, settings: Settings, spaces) -> None:
        super().__init__(settings, spaces)
        self._reward = nn.Sequential(nn.Linear(settings.latent_size, settings.bins))


def test_a_learned_latent_is_groups_that_sum_to_one_and_sees_the_task(spaces) -> None:
    model = Model(Settings(), spaces)
    model.initialise(stream(0, "model"))
    observation = torch.ones(2, 5)
    latent = model.encode(observation, torch.tensor([0, 2]))

    assert latent.shape == (2, 8)
    assert torch.allclose(latent.reshape(2, 2, 4).sum(-1), torch.ones(2, 2))
    assert not torch.allclose(latent[0], latent[1])


def test_standardised_latents_are_observations_by_mean_and_deviation_of_the_task(spaces) -> None:
    model = Model(Settings(encoder="standardised", latent_size=5), spaces)
    model.calibrate(torch.full((5,), 3.0), torch.full((5,), 2.0), task=1)
    latent = model.encode(torch.full((2, 5), 7.0), torch.tensor([0, 1]))
    assert latent.tolist() == [[7.0] * 5, [2.0] * 5]


def test_standardised_latents_of_another_width_are_refused(spaces) -> None:
    with pytest.raises(ValueError, match="latent_size must be 5"):
        Model(Settings(encoder="standardised"), spaces)


def test_bins_are_even_and_the_reward_head_begins_at_zero(spaces) -> None:
    model = Model(Settings(), spaces)
    model.initialise(stream(0, "model"))
    assert model.reward_bins().tolist() == [-2, -1, 0, 1, 2]
    assert not model._reward[-1].weight.any()


def test_embeddings_are_shortened_to_one_and_short_ones_left(spaces) -> None:
    model = Model(Settings(), spaces)
    table = model.get_parameter(model.task_parameters()[0])
    with torch.no_grad():
        table.fill_(0.1)
        table[0] = 5.0
    model.constrain(torch.tensor([0, 1]))
    assert float(table[0].detach().norm()) == pytest.approx(1, abs=1e-6)
    assert torch.equal(table[1], torch.full((4,), 0.1))


class Policy(NoisyStart):
    def carry(self, latent: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        return latent[..., :3] + start


def test_a_policy_starts_from_scaled_noise_or_from_zero() -> None:
    policy = Policy(Settings(), 3)
    latent = torch.ones(2, 8)
    assert torch.allclose(policy.act(latent, torch.full((2, 3), 2.0)), torch.full((2, 3), 2.0))
    assert torch.equal(policy.mean(latent), torch.ones(2, 3))
    assert policy.noise_shape(7) == (7, 3)


def test_the_noise_has_a_floor() -> None:
    policy = Policy(Settings(), 3)
    with torch.no_grad():
        policy.init_logstd.copy_(torch.tensor([math.log(0.5), -9.0, -9.0]))
    assert float(policy.spread().detach()) == pytest.approx((0.5 + 0.25 + 0.25) / 3)
    policy.constrain()
    assert policy.init_logstd.exp().tolist() == pytest.approx([0.5, 0.25, 0.25])
    policy.initialise(stream(0, "policy"))
    assert policy.init_logstd.exp().tolist() == pytest.approx([0.5] * 3)


def test_a_policy_without_a_way_says_so() -> None:
    with pytest.raises(NotImplementedError, match="NoisyStart does not say where a start leads"):
        NoisyStart(Settings(), 3).mean(torch.ones(1, 8))
