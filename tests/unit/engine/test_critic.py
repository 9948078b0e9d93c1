from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from rephase.engine.critic import CriticEnsembles


def plain_value(state, critic, latent):
    """One critic of one run, layer by layer."""
    layers = [state[f"params.{index}"][critic] for index in range(len(state))]
    x = latent
    while len(layers) > 2:
        weight, bias, norm_weight, norm_bias, *layers = layers
        x = F.layer_norm(F.mish(F.linear(x, weight, bias)), bias.shape, norm_weight, norm_bias)
    return F.linear(x, *layers).squeeze(-1)


def filled(runs, units, critics, latent_size=6):
    ensembles = CriticEnsembles(runs, latent_size, units, critics, torch.float64)
    generator = torch.Generator().manual_seed(0)
    for parameter in ensembles.parameters().values():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return ensembles


@pytest.mark.parametrize(("runs", "units", "critics"), [(1, (5, 4), 3), (3, (5,), 2), (2, (5, 4, 3), 1), (2, (), 2)])
def test_values_are_those_of_each_critic_alone(runs, units, critics):
    ensembles = filled(runs, units, critics)
    latent = torch.randn(runs, 7, 6, dtype=torch.float64)
    values = ensembles.values(latent)
    assert values.shape == (runs, critics, 7)
    for run in range(runs):
        state = ensembles.state(run)
        for critic in range(critics):
            torch.testing.assert_close(values[run, critic], plain_value(state, critic, latent[run]))
    torch.testing.assert_close(ensembles.value(latent), values.min(1).values)


def test_gradients_are_those_of_each_critic_alone():
    ensembles = filled(2, (5, 4), 3)
    latent = torch.randn(2, 7, 6, dtype=torch.float64)
    ensembles.value(latent).sum().backward()
    state = {name: value.requires_grad_() for name, value in ensembles.state(1).items()}
    values = torch.stack([plain_value(state, critic, latent[1]) for critic in range(3)])
    values.min(0).values.sum().backward()
    for name, parameter in ensembles.parameters().items():
        torch.testing.assert_close(parameter.grad[1], state[name].grad)


def test_no_rows_are_fine():
    assert filled(2, (5,), 3).values(torch.zeros(2, 0, 6, dtype=torch.float64)).shape == (2, 3, 0)


def test_initial_critics_are_orthogonal_and_each_run_has_its_own():
    ensembles = CriticEnsembles(2, 6, (4,), 2)
    ensembles.initialise([torch.Generator().manual_seed(seed) for seed in (0, 1)])
    weight, bias, norm_weight, norm_bias, last, last_bias = ensembles.parameters().values()
    torch.testing.assert_close(weight[0, 0] @ weight[0, 0].T, 2 * torch.eye(4))
    torch.testing.assert_close(last[1, 1].norm(), torch.tensor(2.0).sqrt())
    assert not torch.equal(weight[0], weight[1])
    assert not torch.equal(weight[0, 0], weight[0, 1])
    assert bias.abs().max() == norm_bias.abs().max() == last_bias.abs().max() == 0
    assert torch.equal(norm_weight, torch.ones_like(norm_weight))


def test_a_run_starts_alike_alone_and_beside_another():
    both, alone = CriticEnsembles(2, 6, (4,), 2), CriticEnsembles(1, 6, (4,), 2)
    both.initialise([torch.Generator().manual_seed(seed) for seed in (0, 1)])
    alone.initialise([torch.Generator().manual_seed(1)])
    for name, value in alone.state(0).items():
        assert torch.equal(both.state(1)[name], value)


def test_state_is_a_copy():
    ensembles = filled(1, (5,), 2)
    ensembles.state(0)["params.0"].zero_()
    assert ensembles.parameters()["params.0"].abs().min() > 0
