from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from rephase.engine.networks import NormedLinear, SimNorm, TaskEmbedding, draw_linear_defaults, head, tower


def mish(x):
    return x * np.tanh(np.log1p(np.exp(x)))


def layer_norm(x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


def numbers(tensor):
    return tensor.detach().double().numpy()


def test_simnorm_makes_simplices_of_consecutive_entries():
    x = torch.randn(2, 3, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y = SimNorm(4)(x)
    assert (y > 0).all()
    torch.testing.assert_close(y.reshape(2, 3, 2, 4).sum(-1), torch.ones(2, 3, 2, dtype=torch.float64))
    torch.testing.assert_close(y[..., :4], x[..., :4].softmax(-1))


def test_simnorm_ignores_a_shift_of_a_group():
    x = torch.randn(5, 8, dtype=torch.float64)
    shift = torch.tensor([3.0] * 4 + [-2.0] * 4)
    torch.testing.assert_close(SimNorm(4)(x + shift), SimNorm(4)(x))


def test_world_model_layer_normalises_before_it_activates(randomise):
    layer = randomise(NormedLinear(3, 6, nn.Mish())).double()
    x = torch.randn(4, 3, dtype=torch.float64)
    linear = numbers(x) @ numbers(layer.weight).T + numbers(layer.bias)
    expected = mish(layer_norm(linear) * numbers(layer.ln.weight) + numbers(layer.ln.bias))
    np.testing.assert_allclose(numbers(layer(x)), expected, rtol=1e-12)


def test_policy_layer_activates_before_it_normalises(randomise):
    network = randomise(head(3, (6,), 2)).double()
    x = torch.randn(4, 3, dtype=torch.float64)
    linear, _, norm, last = network
    hidden = layer_norm(mish(numbers(x) @ numbers(linear.weight).T + numbers(linear.bias)))
    hidden = hidden * numbers(norm.weight) + numbers(norm.bias)
    expected = hidden @ numbers(last.weight).T + numbers(last.bias)
    np.testing.assert_allclose(numbers(network(x)), expected, rtol=1e-12)


def test_names_are_those_of_the_published_checkpoints():
    assert list(tower(3, (5, 4), 8, 4).state_dict()) == [
        f"{layer}.{name}" for layer in range(3) for name in ("weight", "bias", "ln.weight", "ln.bias")
    ]
    assert list(tower(3, (5,), 8, None).state_dict())[-2:] == ["1.weight", "1.bias"]
    assert list(head(3, (5,), 2).state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias", "3.weight", "3.bias"]


def test_networks_without_hidden_layers_are_one_layer():
    assert tower(3, (), 2, None)(torch.zeros(4, 3)).shape == (4, 2)
    assert head(3, (), 2)(torch.zeros(4, 3)).shape == (4, 2)


def test_embedding_shortens_as_torch_does():
    generator = torch.Generator().manual_seed(0)
    table = 2 * torch.randn(6, 4, generator=generator)
    task = torch.tensor([3, 0, 3, 5])
    embedding = TaskEmbedding(6, 4)
    embedding.weight.data.copy_(table)
    embedding.shorten(task)
    theirs = table.clone()
    F.embedding(task, theirs, max_norm=1.0)
    torch.testing.assert_close(embedding.weight.data, theirs)


def test_embedding_leaves_short_rows_and_rows_not_asked_for_alone():
    embedding = TaskEmbedding(3, 2)
    table = torch.tensor([[3.0, 4.0], [0.3, 0.4], [30.0, 40.0]])
    embedding.weight.data.copy_(table)
    embedding.shorten(torch.tensor([0, 1]))
    assert torch.equal(embedding.weight.data[1:], table[1:])
    assert embedding.weight.data[0].norm().item() == pytest.approx(1, abs=1e-6)


def test_looking_up_changes_nothing_and_repeats_over_time():
    embedding = TaskEmbedding(3, 2)
    embedding.weight.data.fill_(5.0)
    rows = embedding(torch.tensor([2, 0]), torch.zeros(4, 2, 7))
    assert rows.shape == (4, 2, 2)
    assert torch.equal(embedding.weight.data, torch.full((3, 2), 5.0))
    assert embedding(torch.tensor(1), torch.zeros(6, 7)).shape == (6, 2)


def test_default_draw_stays_in_its_bounds_and_uses_one_generator():
    network = head(16, (9,), 2)
    before = torch.get_rng_state()
    draw_linear_defaults(network, torch.Generator().manual_seed(0))
    first = [parameter.clone() for parameter in network.parameters()]
    draw_linear_defaults(network, torch.Generator().manual_seed(0))
    assert all(torch.equal(a, b) for a, b in zip(first, network.parameters(), strict=True))
    assert torch.equal(before, torch.get_rng_state())
    assert 0.2 < network[0].weight.abs().max() <= 1 / math.sqrt(16)
    assert 0.25 < network[3].weight.abs().max() <= 1 / math.sqrt(9)
    assert torch.equal(network[2].weight, torch.ones(9))
    assert torch.equal(network[2].bias, torch.zeros(9))
