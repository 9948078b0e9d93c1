from __future__ import annotations

import math

import attrs
import pytest
import torch
from rephase_mlp.offers import GaussianPolicyConfig, MLPWorldModelConfig, rephase_offers
from rephase_mlp.policy import GaussianPolicy
from rephase_mlp.world_model import MLPWorldModel

from rephase.plugins import Kind
from rephase.protocols import Calibrated, Policy, Spaces, WorldModel

SPACES = Spaces(observation=5, action=3, action_sizes=(3, 1, 2, 3))
SMALL = MLPWorldModelConfig(latent_size=8, encoder_units=(10,), units=(12,), task_size=4, bins=11, simnorm=4)
TASK = torch.tensor([0, 3, 1, 1, 2, 0])


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def model():
    model = MLPWorldModel(SMALL, SPACES)
    for index, parameter in enumerate(model.parameters()):
        parameter.data.copy_(0.5 * torch.randn(parameter.shape, generator=stream(index)))
    model.constrain(torch.arange(4))
    return model


@pytest.fixture
def policy():
    policy = GaussianPolicy(GaussianPolicyConfig(units=(7, 6)), 8, 3)
    policy.initialise(stream())
    return policy


def inputs(*lead):
    return torch.randn(*lead, 6, 5), torch.randn(*lead, 6, 8), torch.randn(*lead, 6, 3)


@pytest.mark.parametrize("lead", [(), (4,)])
def test_shapes_with_and_without_a_time_axis(model, lead):
    observation, latent, action = inputs(*lead)
    assert isinstance(model, WorldModel)
    assert model.encode(observation, TASK).shape == (*lead, 6, 8)
    assert model.next(latent, action, TASK).shape == (*lead, 6, 8)
    assert model.reward(latent, action, TASK).shape == (*lead, 6, 11)
    assert model.reward_bins().tolist() == pytest.approx([-10, -8, -6, -4, -2, 0, 2, 4, 6, 8, 10])
    assert model.latent_size() == 8


@pytest.fixture
def standardised():
    model = MLPWorldModel(attrs.evolve(SMALL, encoder="standardised", latent_size=5, simnorm=5), SPACES)
    model.initialise(stream())
    return model


@pytest.mark.parametrize("lead", [(), (4,)])
def test_a_standardised_latent_is_the_observation_in_its_own_task_s_scale(standardised, lead):
    mean, deviation = torch.arange(5.0), torch.tensor([0.5, 1, 2, 4, 8])
    standardised.calibrate(mean, deviation, 1)
    observation = torch.randn(*lead, 6, 5)
    latent = standardised.encode(observation, TASK)
    own = TASK == 1
    assert isinstance(standardised, Calibrated)
    torch.testing.assert_close(latent[..., own, :], (observation[..., own, :] - mean) / deviation)
    torch.testing.assert_close(latent[..., ~own, :], observation[..., ~own, :])
    assert not [name for name, _ in standardised.named_parameters() if "encoder" in name]


def test_over_standardised_latents_the_dynamics_network_gives_the_displacement(standardised):
    latent, action = torch.randn(6, 5), torch.randn(6, 3)
    displacement = torch.arange(5.0) - 2
    standardised._dynamics[-1].weight.data.zero_()
    standardised._dynamics[-1].bias.data.copy_(displacement)
    torch.testing.assert_close(standardised.next(latent, action, TASK), latent + displacement)


def test_a_learned_encoder_is_not_calibrated(model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.calibrate(torch.ones(5), torch.ones(5), 1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_standardised_latent_has_the_width_of_an_observation():
    with pytest.raises(ValueError, match=r"latent_size must be 5, the width of an observation, .* found 8"):
        MLPWorldModel(attrs.evolve(SMALL, encoder="standardised"), SPACES)


def test_latents_are_simplices_in_groups(model):
    observation, latent, action = inputs()
    for found in (model.encode(observation, TASK), model.next(latent, action, TASK)):
        assert (found > 0).all()
        torch.testing.assert_close(found.reshape(6, 2, 4).sum(-1), torch.ones(6, 2))


def test_the_task_matters_everywhere(model):
    observation, latent, action = inputs()
    other = (TASK + 1) % 4
    assert not torch.allclose(model.encode(observation, TASK), model.encode(observation, other))
    assert not torch.allclose(model.next(latent, action, TASK), model.next(latent, action, other))
    assert not torch.allclose(model.reward(latent, action, TASK), model.reward(latent, action, other))


def test_rows_do_not_mix(model):
    _, latent, action = inputs()
    torch.testing.assert_close(model.next(latent, action, TASK)[2:4], model.next(latent[2:4], action[2:4], TASK[2:4]))


def test_transition_loss_is_the_mean_squared_miss_and_takes_no_noise(model):
    _, latent, action = inputs()
    target = torch.randn(6, 8)
    assert model.transition_noise_shape(6) is None
    found = model.transition_loss(latent, target, action, TASK, None)
    torch.testing.assert_close(found, ((model.next(latent, action, TASK) - target) ** 2).mean())


def test_gradients_reach_inputs_and_every_parameter(model):
    observation, _, action = inputs()
    observation.requires_grad_()
    action.requires_grad_()
    latent = model.encode(observation, TASK)
    # Simplices sum to a constant, so weigh the entries unevenly.
    loss = (model.next(latent, action, TASK) * torch.arange(8.0)).sum() + model.reward(
        latent, action, TASK
    ).square().sum()
    loss.backward()
    assert observation.grad.abs().min() > 0
    assert action.grad.abs().min() > 0
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_initial_numbers_come_from_the_generator_alone(model):
    before = torch.get_rng_state()
    model.initialise(stream(3))
    first = {name: value.clone() for name, value in model.state_dict().items()}
    model.initialise(stream(3))
    assert all(torch.equal(value, first[name]) for name, value in model.state_dict().items())
    assert torch.equal(before, torch.get_rng_state())
    assert first["_reward.1.weight"].abs().max() == 0
    assert first["_encoder.0.bias"].abs().max() == 0
    assert 0 < first["_task_emb.weight"].abs().max() <= 0.02
    assert first["_dynamics.0.weight"].std().item() == pytest.approx(0.02, rel=0.2)


def test_initial_rewards_decode_to_zero(model):
    model.initialise(stream())
    _, latent, action = inputs()
    logits = model.reward(latent, action, TASK)
    assert (logits.softmax(-1) @ model.reward_bins()).abs().max() < 1e-5


def test_the_embedding_is_named(model):
    (name,) = model.task_parameters()
    assert model.get_parameter(name).shape == (4, 4)


def test_a_latent_that_does_not_divide_into_groups_is_refused():
    with pytest.raises(ValueError, match="must be a multiple of simnorm = 8, found 12"):
        MLPWorldModelConfig(latent_size=12)


def test_the_policy_adds_scaled_noise_to_its_mean(policy):
    latent, noise = torch.randn(6, 8), torch.randn(policy.noise_shape(6))
    assert isinstance(policy, Policy)
    assert policy.act(latent, noise).shape == (6, 3)
    torch.testing.assert_close(policy.act(latent, torch.zeros(6, 3)), policy.mean(latent))
    torch.testing.assert_close(policy.act(latent, noise) - policy.mean(latent), noise * math.exp(-1))


def test_the_noise_is_held_above_its_floor(policy):
    policy.logstd.data.copy_(torch.tensor([-5.0, -1.427, 0.5]))
    torch.testing.assert_close(policy.spread(), torch.tensor([-5.0, -1.427, 0.5]).exp().mean())
    policy.constrain()
    torch.testing.assert_close(policy.logstd.data, torch.tensor([-1.427, -1.427, 0.5]))
    assert policy.logstd.requires_grad


def test_a_clamped_deviation_still_gets_a_gradient(policy):
    policy.logstd.data.fill_(-5.0)
    policy.constrain()
    policy.act(torch.randn(6, 8), torch.randn(6, 3)).square().sum().backward()
    assert policy.logstd.grad.abs().min() > 0


def test_policies_of_one_stream_are_equal(policy):
    first = {name: value.clone() for name, value in policy.state_dict().items()}
    policy.initialise(stream(1))
    assert not torch.equal(first["mu_net.0.weight"], policy.state_dict()["mu_net.0.weight"])
    policy.initialise(stream())
    assert all(torch.equal(value, first[name]) for name, value in policy.state_dict().items())


def test_every_part_is_offered_and_built_from_their_offers():
    offers = {offer.name: offer for offer in rephase_offers()}
    assert {name: offer.kind for name, offer in offers.items()} == {
        "mlp": Kind.WORLD_MODEL,
        "gaussian-gru": Kind.WORLD_MODEL,
        "gaussian-mlp": Kind.POLICY,
    }
    assert not any(offer.takes_integrator for offer in offers.values())
    assert isinstance(offers["mlp"].load()(SMALL, SPACES, None), MLPWorldModel)
    assert isinstance(offers["gaussian-mlp"].load()(GaussianPolicyConfig(), 8, 3, None), GaussianPolicy)
