"""The hand-written gradients of policies and critics are those autograd finds."""

from __future__ import annotations

import pytest
import torch

from rephase.engine.critic import CriticEnsembles
from rephase.engine.perceptron import _composed as composed
from rephase.engine.perceptron import perceptron
from rephase.engine.seeding import stream


@pytest.mark.parametrize("units", [(), (6,), (8, 5), (7, 6, 5)])
def test_gradients_and_errors_are_autograds(units):
    runs, critics, rows, width = 3, 2, 11, 4
    ensembles = CriticEnsembles(runs, width, units, critics, torch.float64)
    generator = stream(3, "test")
    for parameter in ensembles.parameters().values():
        parameter.data.normal_(generator=generator)
    latent = torch.randn(runs, rows, width, generator=generator, dtype=torch.float64)
    wanted = torch.randn(runs, rows, generator=generator, dtype=torch.float64)
    parameters = list(ensembles.parameters().values())
    loss = (ensembles.values(latent) - wanted.unsqueeze(1)).square().mean((1, 2))
    gradients = torch.autograd.grad(loss.sum(), parameters)

    found = ensembles.regress(latent, wanted)

    torch.testing.assert_close(found, loss.detach(), rtol=1e-12, atol=1e-12)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-10, atol=1e-12)


def test_a_second_call_replaces_the_gradients_and_leaves_its_arguments_alone():
    ensembles = CriticEnsembles(1, 4, (6,), 2)
    ensembles.initialise([stream(0, "critic")])
    latent, wanted = torch.randn(1, 5, 4), torch.randn(1, 5)
    kept = latent.clone(), wanted.clone()
    ensembles.regress(latent, wanted)
    first = [parameter.grad.clone() for parameter in ensembles.parameters().values()]
    ensembles.regress(latent, wanted)
    for parameter, gradient in zip(ensembles.parameters().values(), first, strict=True):
        assert torch.equal(parameter.grad, gradient)
    assert torch.equal(latent, kept[0])
    assert torch.equal(wanted, kept[1])


def drawn(copies, generator, units=(6, 5), outputs=3, width=4):
    parameters = []
    for size in (*units, outputs):
        parameters += [torch.randn(copies, size, width, generator=generator, dtype=torch.float64)]
        parameters += [torch.randn(copies, size, generator=generator, dtype=torch.float64) for _ in range(3)]
        width = size
    return [parameter.requires_grad_() for parameter in parameters[:-2]]


def test_values_and_all_gradients_are_those_of_the_composed_operations():
    generator = stream(4, "test")
    parameters = drawn(2, generator)
    inputs = torch.randn(2, 7, 4, generator=generator, dtype=torch.float64).requires_grad_()
    outputs, wanted = perceptron(inputs, parameters), composed(inputs, parameters)
    torch.testing.assert_close(outputs, wanted)
    weights = torch.randn(2, 7, 3, generator=generator, dtype=torch.float64)
    found = torch.autograd.grad((outputs * weights).sum(), [inputs, *parameters])
    expected = torch.autograd.grad((wanted * weights).sum(), [inputs, *parameters])
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_only_the_gradients_that_are_wanted_are_made():
    generator = stream(5, "test")
    parameters = drawn(1, generator)
    fixed = [parameter.detach() for parameter in parameters]
    inputs = torch.randn(1, 7, 4, generator=generator, dtype=torch.float64)
    perceptron(inputs, parameters).sum().backward()
    climbing = inputs.clone().requires_grad_()
    perceptron(climbing, fixed).sum().backward()
    (expected,) = torch.autograd.grad(composed(climbing, fixed).sum(), climbing)
    torch.testing.assert_close(climbing.grad, expected)
    assert inputs.grad is None
    assert all(parameter.grad is not None for parameter in parameters)


def test_under_vmap_each_copy_is_as_if_alone_and_shared_tensors_are_repeated():
    generator = stream(6, "test")
    parameters = drawn(3, generator)
    inputs = torch.randn(7, 4, generator=generator, dtype=torch.float64).requires_grad_()

    def one(*own):
        return perceptron(inputs.unsqueeze(0), [value.unsqueeze(0) for value in own])[0]

    stacked = torch.vmap(one)(*parameters)
    wanted = composed(inputs.expand(3, 7, 4), parameters)
    torch.testing.assert_close(stacked, wanted)
    found = torch.autograd.grad(stacked.square().sum(), [inputs, *parameters])
    expected = torch.autograd.grad(wanted.square().sum(), [inputs, *parameters])
    for one_found, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one_found, other)


def test_it_can_be_differentiated_twice():
    generator = stream(7, "test")
    parameters = drawn(1, generator, units=(3,), outputs=1)
    inputs = torch.randn(1, 2, 4, generator=generator, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda *all_: perceptron(all_[0], all_[1:]), (inputs, *parameters))
