"""Layers of world models with gradients written out agree with torch's own operations, alone and stacked."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from rephase.engine.layer import linear, normed_linear
from rephase.engine.products import by

EPS = 1e-5


@pytest.fixture(autouse=True, params=["numpy", "torch"])
def _multiplier(request):
    with by(request.param):
        yield


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).requires_grad_()


def parameters(*copies):
    return draw(*copies, 8, 5, seed=1), draw(*copies, 8, seed=2), draw(*copies, 8, seed=3), draw(*copies, 8, seed=4)


def plain(x, own, group):
    weight, bias, scale, shift = own
    y = F.layer_norm(x @ weight.T + bias, (8,), scale, shift, EPS)
    return y.reshape(*y.shape[:-1], -1, group).softmax(-1).flatten(-2) if group else F.mish(y)


@pytest.mark.parametrize("group", [0, 4])
@pytest.mark.parametrize("shape", [(5,), (6, 5), (2, 3, 5)])
def test_values_and_gradients(group, shape):
    x, own, weights = draw(*shape), parameters(), draw(*shape[:-1], 8, seed=9).detach()
    found, wanted = normed_linear(x, own, EPS, group), plain(x, own, group)
    torch.testing.assert_close(found, wanted)
    gradients = [torch.autograd.grad((value * weights).sum(), [x, *own]) for value in (found, wanted)]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("group", [0, 4])
@pytest.mark.parametrize("trains", [False, True])
def test_stacked_layers_are_what_each_is_alone(group, trains):
    x, own = draw(3, 6, 5), parameters(3)
    given = [x, *own] if trains else [x]
    for parameter in own:
        parameter.requires_grad_(trains)
    stacked = torch.vmap(lambda x, *own: normed_linear(x, own, EPS, group))(x, *own)
    alone = torch.stack([plain(x[run], [one[run] for one in own], group) for run in range(3)])
    torch.testing.assert_close(stacked, alone)
    gradients = [torch.autograd.grad(value.square().sum(), given) for value in (stacked, alone)]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("group", [0, 4])
def test_gradients_can_be_differentiated_again(group):
    assert torch.autograd.gradgradcheck(
        lambda x, *own: normed_linear(x, own, EPS, group), (draw(2, 5), *parameters()), atol=1e-4
    )


def test_a_frozen_layer_makes_no_gradients_for_itself():
    own = parameters()
    for parameter in own[2:]:
        parameter.requires_grad_(False)
    normed_linear(draw(2, 5), own, EPS, 0).sum().backward()
    assert [parameter.grad is not None for parameter in own] == [True, True, False, False]


def test_a_linear_map_alone_stacked_and_twice_differentiated():
    x, weight, bias = draw(3, 6, 5), draw(3, 8, 5, seed=1), draw(3, 8, seed=2)
    wanted = torch.baddbmm(bias.unsqueeze(1), x, weight.mT)
    torch.testing.assert_close(torch.vmap(linear)(x, weight, bias), wanted)
    torch.testing.assert_close(linear(x[0, 0], weight[0], bias[0]), wanted[0, 0])
    given = (x[0], weight[0], bias[0])
    assert torch.autograd.gradcheck(linear, given)
    assert torch.autograd.gradgradcheck(linear, given)
