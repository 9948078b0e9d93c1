"""The hand-written gradients of the critics' regression are those autograd finds."""

from __future__ import annotations

import pytest
import torch

from rephase.engine.critic import CriticEnsembles
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
