from __future__ import annotations

import pytest
import torch
from torch import nn

from rephase.engine.parts import SharedPart, StackedPart

KINDS = ["gaussian", "flow"]


def close(found, wanted):
    torch.testing.assert_close(found, wanted, rtol=1e-11, atol=1e-12)


@pytest.fixture
def models(build_model):
    return lambda kind, runs, **changes: [build_model(kind, seed, torch.float64, **changes) for seed in range(runs)]


@pytest.mark.parametrize("kind", ["mlp", "flow"])
def test_a_shared_part_answers_each_run_as_alone(kind, build_model):
    model = build_model(kind, dtype=torch.float64)
    part = SharedPart(model, 3)
    latent, action = torch.randn(3, 4, 8, dtype=torch.float64), torch.randn(3, 4, 3, dtype=torch.float64)
    task = torch.tensor([[0, 1, 2, 0], [1, 1, 1, 1], [2, 0, 2, 0]])
    found = part.call("next", latent, action, task)
    for run in range(3):
        close(found[run], model.next(latent[run], action[run], task[run]))


def test_a_shared_part_is_frozen_and_owns_nothing_to_train(build_model):
    part = SharedPart(build_model(), 2)
    assert part.parameters() == {}
    assert not any(parameter.requires_grad for parameter in part.module.parameters())


@pytest.mark.parametrize("stackable", [True, False])
@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_stacked_policies_act_as_each_alone(kind, runs, stackable, build_policy):
    policies = [build_policy(kind, seed, torch.float64) for seed in range(runs)]
    part = StackedPart(policies, stackable)
    latent, noise = torch.randn(runs, 4, 8, dtype=torch.float64), torch.randn(runs, 4, 3, dtype=torch.float64)
    acted, mean, spread = part.call("act", latent, noise), part.call("mean", latent), part.call("spread")
    assert acted.shape == (runs, 4, 3)
    for run, policy in enumerate(policies):
        close(acted[run], policy.act(latent[run], noise[run]))
        close(mean[run], policy.mean(latent[run]))
        close(spread[run], policy.spread())


@pytest.mark.parametrize("kind", KINDS)
def test_copies_at_once_give_the_bits_that_vmap_gives(kind, build_policy):
    policies = [build_policy(kind, seed) for seed in range(3)]
    subclass = type("Overriding", (type(policies[0]),), {})  # the claim is its parent's, so that it is not believed
    found = []
    for cls in (type(policies[0]), subclass):
        for policy in policies:
            policy.__class__ = cls
        part = StackedPart(policies)
        latent, noise = torch.linspace(-1, 1, 96).reshape(3, 4, 8), torch.linspace(-2, 2, 36).reshape(3, 4, 3)
        acted, mean = part.call("act", latent, noise), part.call("mean", latent)
        loss = (acted.square() + part.call("act", latent + acted.mean(), noise)).sum()
        found.append([acted, mean, *torch.autograd.grad(loss, list(part.parameters().values()))])

    assert all(torch.equal(at_once, mapped) for at_once, mapped in zip(*found, strict=True))


@pytest.mark.parametrize("stackable", [True, False])
@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize("kind", ["mlp", "flow"])
def test_stacked_world_models_take_a_time_axis(kind, runs, stackable, models):
    copies = models(kind, runs)
    part = StackedPart(copies, stackable)
    latent = torch.randn(5, runs, 4, 8, dtype=torch.float64)
    action = torch.randn(5, runs, 4, 3, dtype=torch.float64)
    task = torch.randint(3, (runs, 4))
    found = part.call_over_time("reward", latent, action, task=task)
    assert found.shape == (5, runs, 4, 11)
    for run, model in enumerate(copies):
        for time in range(5):
            close(found[time, run], model.reward(latent[time, run], action[time, run], task[run]))


def test_a_shared_part_takes_a_time_axis(models):
    (model,) = models("flow", 1)
    latent, action = torch.randn(5, 2, 4, 8, dtype=torch.float64), torch.randn(5, 2, 4, 3, dtype=torch.float64)
    task = torch.randint(3, (2, 4))
    found = SharedPart(model, 2).call_over_time("reward", latent, action, task=task)
    for run in range(2):
        close(found[3, run], model.reward(latent[3, run], action[3, run], task[run]))


@pytest.mark.parametrize("stackable", [True, False])
def test_gradients_are_those_of_each_alone(stackable, build_policy):
    policies = [build_policy("flow", seed, torch.float64) for seed in range(2)]
    part = StackedPart(policies, stackable)
    latent, noise = torch.randn(2, 4, 8, dtype=torch.float64), torch.randn(2, 4, 3, dtype=torch.float64)
    part.call("act", latent, noise).square().sum().backward()
    for run, policy in enumerate(policies):
        policy.act(latent[run], noise[run]).square().sum().backward()
        for name, parameter in policy.named_parameters():
            close(part.parameters()[name].grad[run], parameter.grad)


def test_a_function_in_place_of_a_method_gets_the_part(build_policy):
    policies = [build_policy("gaussian", seed, torch.float64) for seed in range(2)]
    latent = torch.randn(2, 4, 8, dtype=torch.float64)
    found = StackedPart(policies).call(lambda policy, seen: policy.mean(seen).sum(0), latent)
    for run, policy in enumerate(policies):
        close(found[run], policy.mean(latent[run]).sum(0))


def test_constraints_act_in_place_on_each_run(build_policy):
    policies = [build_policy("gaussian", seed) for seed in range(2)]
    part = StackedPart(policies)
    stored = part.parameters()["logstd"]
    stored.data.copy_(torch.tensor([[-9.0, 0.0, -1.0], [-1.427, -2.0, 5.0]]))
    part.constrain()
    assert part.parameters()["logstd"] is stored
    torch.testing.assert_close(stored.data, torch.tensor([[-1.427, 0.0, -1.0], [-1.427, -1.427, 5.0]]))


def test_constraints_get_each_run_s_own_arguments(models):
    part = StackedPart(models("mlp", 2))
    table = part.parameters()["_task_emb.weight"]
    table.data.fill_(3.0)
    part.constrain(torch.tensor([[0, 0], [2, 2]]))
    lengths = table.detach().norm(dim=-1)
    assert lengths.tolist() == [pytest.approx([1, 6, 6], abs=1e-6), pytest.approx([6, 6, 1], abs=1e-6)]


def test_a_state_is_a_copy_of_one_run_by_the_part_s_own_names(build_policy):
    policies = [build_policy("gaussian", seed) for seed in range(2)]
    part = StackedPart(policies)
    state = part.state(1)
    assert state.keys() == policies[1].state_dict().keys()
    assert all(torch.equal(state[name], value) for name, value in policies[1].state_dict().items())
    state["logstd"].fill_(99)
    assert part.state(1)["logstd"].max() < 99


class Counting(nn.Module):
    """A part that vmap cannot run: it looks at a value."""

    def __init__(self, scale):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def mean(self, latent):
        return latent * self.scale if self.scale.item() > 0 else latent


def test_parts_that_cannot_be_stacked_run_one_after_the_other():
    part = StackedPart([Counting(2.0), Counting(-1.0), Counting(3.0)], stackable=False)
    found = part.call("mean", torch.ones(3, 2))
    assert found.tolist() == [[2.0, 2.0], [1.0, 1.0], [3.0, 3.0]]
    part.call("mean", torch.ones(3, 2)).sum().backward()
    assert part.parameters()["scale"].grad.tolist() == [2.0, 0.0, 2.0]
