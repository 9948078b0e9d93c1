"""Mish agrees with torch's, its gradient too, alone and under vmap."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from rephase.engine.activation import Mish, _torch_mish_with_slope, group_softmax, mish, mish_with_slope

EDGES = [-200.0, -90.0, -30.0, -5.0, -1.2, 0.0, 1e-8, 1.0, 5.0, 20.0, 60.0, 200.0]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 5e-7), (torch.float64, 1e-15)])
def test_values_and_slopes_are_those_of_torch_relative_to_the_input(dtype, tolerance):
    noise = torch.randn(4000, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 6
    x = torch.cat([torch.tensor(EDGES, dtype=torch.float64), noise]).requires_grad_()
    wanted = F.mish(x)
    (wanted_slope,) = torch.autograd.grad(wanted.sum(), x)
    value, slope = mish_with_slope(x.detach().to(dtype))
    size = x.detach().abs().clamp(min=1)
    assert ((value - wanted.detach()).abs() / size).max() < tolerance
    assert ((slope - wanted_slope).abs() / size).max() < tolerance
    with torch.no_grad():
        torch.testing.assert_close(mish(x.detach().to(dtype)), value, rtol=0, atol=0)


def test_other_devices_get_the_same_in_fewer_operations():
    x = torch.cat([torch.tensor(EDGES), torch.linspace(-9, 9, 200)]).double()
    for found, wanted in zip(_torch_mish_with_slope(x), mish_with_slope(x), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-13)


def test_the_input_is_left_as_it_was():
    x = torch.tensor(EDGES)
    kept = x.clone()
    mish(x)
    mish_with_slope(x)
    with torch.no_grad():
        mish(x)
    assert torch.equal(x, kept)


def test_what_is_not_a_number_stays_so():
    assert mish(torch.tensor([float("nan")])).isnan().all()


def test_the_gradient_passes_gradcheck():
    x = torch.linspace(-4, 4, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(mish, (x,))


def test_stacked_copies_compute_what_each_computes_alone():
    x = torch.randn(3, 5, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64).requires_grad_()
    for axis in (0, 1):
        stacked = torch.vmap(Mish(), in_dims=axis, out_dims=axis)(x)
        (gradient,) = torch.autograd.grad(stacked.square().sum(), x)
        plain = F.mish(x)
        (wanted,) = torch.autograd.grad(plain.square().sum(), x)
        torch.testing.assert_close(stacked, plain)
        torch.testing.assert_close(gradient, wanted)


def test_it_can_be_differentiated_twice():
    x = torch.linspace(-4, 4, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(mish, (x,))


def test_the_softmax_of_groups_is_torchs_with_its_gradients_and_under_vmap():
    x = (torch.randn(3, 5, 12, generator=torch.Generator().manual_seed(2), dtype=torch.float64) * 9).requires_grad_()
    wanted = x.unflatten(-1, (3, 4)).softmax(-1).flatten(-2)
    torch.testing.assert_close(group_softmax(x, 4), wanted)
    torch.testing.assert_close(torch.vmap(lambda row: group_softmax(row, 4), in_dims=1, out_dims=1)(x), wanted)
    small = x.detach()[0, :2].requires_grad_()
    assert torch.autograd.gradcheck(lambda row: group_softmax(row, 4), (small,))
    assert torch.autograd.gradgradcheck(lambda row: group_softmax(row, 4), (small,))


def test_the_softmax_of_groups_does_not_overflow():
    assert torch.equal(group_softmax(torch.tensor([900.0, -900.0, 0.0, 0.0]), 2), torch.tensor([1.0, 0.0, 0.5, 0.5]))
