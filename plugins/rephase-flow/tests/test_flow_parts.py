from __future__ import annotations

import pytest
import torch
from rephase_flow.offers import FlowPolicyConfig, FlowWorldModelConfig, VelocityHead, rephase_offers
from rephase_flow.policy import FlowPolicy
from rephase_flow.world_model import FlowWorldModel

from rephase.plugins import Kind
from rephase.protocols import Calibrated, Policy, Spaces, StepCalibrated, WorldModel

SPACES = Spaces(observation=5, action=3, action_sizes=(3, 1, 2, 3))
SIZES = {"latent_size": 8, "encoder_units": (10,), "units": (12,), "task_size": 4, "bins": 11, "simnorm": 4}
TASK = torch.tensor([0, 3, 1, 1, 2, 0])


class Midpoint:
    """An integrator of our own: nothing here may depend on another plugin."""

    def step(self, velocity, x, tau, dtau):
        return x + dtau * velocity(x + dtau / 2 * velocity(x, tau), tau + dtau / 2)

    def order(self):
        return 2

    def evaluations_per_step(self):
        return 2


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def randomised(module):
    for index, parameter in enumerate(module.parameters()):
        parameter.data.copy_(0.5 * torch.randn(parameter.shape, generator=stream(index)))
    return module


def build(**changes):
    model = randomised(FlowWorldModel(FlowWorldModelConfig(**SIZES | changes), SPACES, Midpoint()))
    model.constrain(torch.arange(4))
    return model


@pytest.fixture
def policy():
    return randomised(FlowPolicy(FlowPolicyConfig(units=(7, 6), substeps=3), 8, 3, Midpoint()))


def inputs(*lead):
    return torch.randn(*lead, 6, 5), torch.randn(*lead, 6, 8), torch.randn(*lead, 6, 3)


@pytest.mark.parametrize("head", list(VelocityHead))
@pytest.mark.parametrize("lead", [(), (4,)])
def test_shapes_with_and_without_a_time_axis(lead, head):
    model = build(velocity_head=head)
    observation, latent, action = inputs(*lead)
    assert isinstance(model, WorldModel)
    assert model.encode(observation, TASK).shape == (*lead, 6, 8)
    assert model.velocity(latent, action, 0.3, TASK).shape == (*lead, 6, 8)
    assert model.next(latent, action, TASK).shape == (*lead, 6, 8)
    assert model.reward(latent, action, TASK).shape == (*lead, 6, 11)
    assert model.reward_bins().shape == (11,)
    assert model.latent_size() == 8


def test_the_next_latent_is_the_end_of_the_flow():
    model = build(substeps=2)
    _, latent, action = inputs()
    x = latent
    for tau in (0.0, 0.5):
        half = x + 0.25 * model.velocity(x, action, tau, TASK)
        x = x + 0.5 * model.velocity(half, action, tau + 0.25, TASK)
    torch.testing.assert_close(model.next(latent, action, TASK), x)


def test_as_logged_every_step_adds_one_to_a_group_s_sum():
    """The defect: positive velocities cannot keep a simplex a simplex."""
    model = build(velocity_head="as-logged")
    observation, _, action = inputs()
    latent = model.encode(observation, TASK)
    for step in range(1, 4):
        latent = model.next(latent, action, TASK)
        torch.testing.assert_close(latent.reshape(6, 2, 4).sum(-1), torch.full((6, 2), 1.0 + step))
    velocity = model.velocity(latent, action, 0.5, TASK)
    assert (velocity > 0).all()


def test_corrected_velocities_take_both_signs_and_any_sum():
    model = build(velocity_head="corrected")
    _, latent, action = inputs()
    velocity = model.velocity(latent, action, 0.5, TASK)
    assert velocity.min() < 0 < velocity.max()
    assert (velocity.reshape(6, 2, 4).sum(-1) - 1).abs().min() > 1e-3
    assert "_velocity.1.ln.weight" not in model.state_dict()


def test_a_number_for_tau_is_a_column_of_it():
    model = build()
    _, latent, action = inputs()
    column = torch.full((6, 1), 0.3)
    assert torch.equal(model.velocity(latent, action, 0.3, TASK), model.velocity(latent, action, column, TASK))
    assert not torch.allclose(model.velocity(latent, action, 0.3, TASK), model.velocity(latent, action, 0.9, TASK))


def test_flow_matching_compares_the_velocity_with_the_displacement():
    model = build(velocity_head="corrected")
    _, latent, action = inputs()
    target, tau = torch.randn(6, 8), torch.rand(6, 1)
    assert model.transition_noise_shape(6) == (6, 1)
    between = latent + tau * (target - latent)
    wanted = (model.velocity(between, action, tau, TASK) - (target - latent)).square().mean()
    torch.testing.assert_close(model.transition_loss(latent, target, action, TASK, tau), wanted)


def test_a_perfect_velocity_has_no_loss():
    model = build(velocity_head="corrected")
    _, latent, action = inputs()
    displacement = torch.arange(8.0) - 3.5
    model._velocity[-1].weight.data.zero_()
    model._velocity[-1].bias.data.copy_(displacement)
    loss = model.transition_loss(latent, latent + displacement, action, TASK, torch.rand(6, 1))
    assert loss.item() == pytest.approx(0, abs=1e-10)
    torch.testing.assert_close(model.next(latent, action, TASK), latent + displacement)


def test_midpoint_wants_no_noise_and_looks_at_one_half():
    model = build(tau="midpoint")
    _, latent, action = inputs()
    target = torch.randn(6, 8)
    assert model.transition_noise_shape(6) is None
    found = model.transition_loss(latent, target, action, TASK, None)
    torch.testing.assert_close(found, model.transition_loss(latent, target, action, TASK, torch.full((6, 1), 0.5)))


def test_early_looks_at_the_cube_of_the_draw():
    early, uniform = build(tau="early"), build()
    _, latent, action = inputs()
    target, draw = torch.randn(6, 8), torch.rand(6, 1)
    assert early.transition_noise_shape(6) == (6, 1)
    wanted = uniform.transition_loss(latent, target, action, TASK, draw**3)
    torch.testing.assert_close(early.transition_loss(latent, target, action, TASK, draw), wanted)


@pytest.mark.parametrize("lead", [(), (4,)])
def test_a_standardised_latent_is_the_observation_in_its_own_task_s_scale(lead):
    model = build(encoder="standardised", latent_size=5, simnorm=5)
    mean, deviation = torch.arange(5.0), torch.tensor([0.5, 1, 2, 4, 8])
    model.calibrate(mean, deviation, 1)
    observation = torch.randn(*lead, 6, 5)
    latent = model.encode(observation, TASK)
    own = TASK == 1
    assert isinstance(model, Calibrated)
    torch.testing.assert_close(latent[..., own, :], (observation[..., own, :] - mean) / deviation)
    torch.testing.assert_close(latent[..., ~own, :], observation[..., ~own, :])
    assert not [name for name, _ in model.named_parameters() if "encoder" in name]
    assert {"_encoder.mean", "_encoder.deviation"} <= model.state_dict().keys()


OF_OBSERVATIONS = {"encoder": "standardised", "latent_size": 5, "simnorm": 5, "velocity_head": "corrected"}
STEPS = torch.tensor([0.1, 1, 2, 40, 8])


def told(model):
    """The model, told mean, deviation and steps of task 1."""
    model.calibrate(torch.arange(5.0), torch.tensor([0.5, 1, 2, 4, 8]), 1)
    model.calibrate_steps(STEPS, 1)
    return model


def test_velocities_count_in_a_task_s_steps():
    model, plain = told(build(**OF_OBSERVATIONS, velocity_unit="displacement")), told(build(**OF_OBSERVATIONS))
    unit = torch.tensor([0.2, 1, 1, 10, 1])
    latent, action = torch.randn(6, 5), torch.randn(6, 3)
    found, counted = (one.velocity(latent, action, 0.25, TASK) for one in (model, plain))
    assert isinstance(model, StepCalibrated)
    torch.testing.assert_close(found[TASK == 1], counted[TASK == 1] * unit)
    torch.testing.assert_close(found[TASK != 1], counted[TASK != 1])


def test_an_error_of_one_step_s_deviation_weighs_the_same_in_every_entry():
    model = told(build(**OF_OBSERVATIONS, velocity_unit="displacement"))
    model._velocity[-1].weight.data.zero_()
    model._velocity[-1].bias.data.zero_()
    task, latent = torch.ones(5, dtype=torch.long), torch.randn(5, 5)
    action, noise = torch.randn(5, 3), torch.rand(5, 1)
    step = torch.diag(STEPS) / torch.tensor([0.5, 1, 2, 4, 8])  # row i: entry i moves by its deviation, in latents
    for row in step:
        found = model.transition_loss(latent, latent + row, action, task, noise)
        assert found.item() == pytest.approx(1 / 5, rel=1e-4)


def test_angles_are_seen_modulo_a_turn():
    model = told(build(**OF_OBSERVATIONS, angles=True))
    observation, action = torch.randn(6, 5), torch.randn(6, 3)
    turned = observation + 2 * torch.pi * torch.tensor([1, 0, -3, 0, 0])
    latents = [model.encode(one, TASK) for one in (observation, turned)]
    before, after = (model._seen(latent, TASK) for latent in latents)
    assert not torch.allclose(before[0], after[0])
    torch.testing.assert_close(before[1], observation.sin(), atol=1e-5, rtol=0)
    torch.testing.assert_close(before[1:], after[1:], atol=1e-5, rtol=0)
    assert model._velocity[0].in_features == model._reward[0].in_features + 1 == 3 * 5 + 3 + 4 + 1
    assert model.reward(latents[0], action, TASK).shape == (6, 11)


@pytest.mark.parametrize("setting", [{"velocity_unit": "displacement"}, {"angles": True}])
def test_units_and_angles_are_of_observations(setting):
    with pytest.raises(ValueError, match="needs encoder = 'standardised', found 'mlp'"):
        build(**setting)


def test_a_model_without_units_of_its_own_is_kept_as_it_always_was():
    plain, model = build(**OF_OBSERVATIONS), build(**OF_OBSERVATIONS, velocity_unit="displacement")
    assert model.state_dict().keys() - plain.state_dict().keys() == {"_unit"}
    before = {name: value.clone() for name, value in plain.state_dict().items()}
    plain.calibrate_steps(STEPS, 1)
    assert all(torch.equal(value, before[name]) for name, value in plain.state_dict().items())


def test_a_learned_encoder_is_not_calibrated():
    model = build()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.calibrate(torch.ones(5), torch.ones(5), 1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_standardised_latent_has_the_width_of_an_observation():
    with pytest.raises(ValueError, match=r"latent_size must be 5, the width of an observation, .* found 8"):
        build(encoder="standardised")


def test_gradients_reach_inputs_and_every_parameter():
    model = build()
    observation, _, action = inputs()
    observation.requires_grad_()
    action.requires_grad_()
    latent = model.encode(observation, TASK)
    loss = (model.next(latent, action, TASK) * torch.arange(8.0)).sum() + model.reward(
        latent, action, TASK
    ).square().sum()
    loss.backward()
    assert observation.grad.abs().min() > 0
    assert action.grad.abs().min() > 0
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_nothing_is_drawn_or_changed_by_use():
    model = build()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    observation, latent, action = (torch.ones(6, width) for width in (5, 8, 3))
    model.encode(observation, TASK)
    model.next(latent, action, TASK)
    model.reward(latent, action, TASK)
    assert torch.equal(state, torch.get_rng_state())
    assert latent.eq(1).all()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_initial_numbers_come_from_the_generator_alone():
    model = build()
    before = torch.get_rng_state()
    model.initialise(stream(3))
    first = {name: value.clone() for name, value in model.state_dict().items()}
    model.initialise(stream(3))
    assert all(torch.equal(value, first[name]) for name, value in model.state_dict().items())
    assert torch.equal(before, torch.get_rng_state())
    assert first["_reward.1.weight"].abs().max() == 0


def test_the_policy_flows_from_scaled_noise(policy):
    latent, noise = torch.randn(6, 8), torch.randn(policy.noise_shape(6))
    assert isinstance(policy, Policy)
    x = noise * policy.init_logstd.exp()
    for index in range(3):
        tau = index / 3
        half = x + 1 / 6 * policy.velocity(latent, x, tau)
        x = x + 1 / 3 * policy.velocity(latent, half, tau + 1 / 6)
    torch.testing.assert_close(policy.act(latent, noise), x)


def test_the_deterministic_action_flows_from_zero(policy):
    latent = torch.randn(6, 8)
    torch.testing.assert_close(policy.mean(latent), policy.act(latent, torch.zeros(6, 3)))


def test_the_gradient_reaches_the_noise_scale_through_the_start(policy):
    policy.act(torch.randn(6, 8), torch.randn(6, 3)).square().sum().backward()
    assert policy.init_logstd.grad.abs().min() > 0


def test_the_noise_is_held_above_its_floor(policy):
    policy.init_logstd.data.copy_(torch.tensor([-50.0, -10.0, 0.5]))
    torch.testing.assert_close(policy.spread(), torch.tensor([-10.0, -10.0, 0.5]).exp().mean())
    policy.constrain()
    assert policy.init_logstd.tolist() == [-10.0, -10.0, 0.5]
    policy.initialise(stream())
    assert policy.init_logstd.tolist() == [-1.0, -1.0, -1.0]


def test_a_latent_that_does_not_divide_into_groups_is_refused():
    with pytest.raises(ValueError, match="must be a multiple of simnorm = 8, found 12"):
        FlowWorldModelConfig(latent_size=12)


def test_every_part_is_offered_and_wants_an_integrator():
    offers = {offer.name: offer for offer in rephase_offers()}
    assert {name: offer.kind for name, offer in offers.items()} == {
        "flow": Kind.WORLD_MODEL,
        "flow-ode": Kind.POLICY,
        "flow-matched": Kind.POLICY,
    }
    assert all(offer.takes_integrator for offer in offers.values())
    config = FlowWorldModelConfig(**SIZES)
    assert isinstance(offers["flow"].load()(config, SPACES, Midpoint()), FlowWorldModel)
    assert isinstance(offers["flow-ode"].load()(FlowPolicyConfig(), 8, 3, Midpoint()), FlowPolicy)
