from __future__ import annotations

import numpy as np
import pytest
import torch

from rephase.engine.rewards import expectation, soft_cross_entropy, symexp, symlog, two_hot

BINS = torch.linspace(-10, 10, 101, dtype=torch.float64)


def test_symlog_and_symexp_undo_each_other_and_keep_the_sign():
    x = torch.tensor([-1e4, -2.0, -1e-6, 0.0, 1e-6, 0.5, 1e4], dtype=torch.float64)
    torch.testing.assert_close(symexp(symlog(x)), x, rtol=1e-12, atol=0)
    torch.testing.assert_close(symlog(-x), -symlog(x))
    assert symlog(torch.tensor(1.0)).item() == pytest.approx(np.log(2))


@pytest.mark.parametrize("value", [-10.0, -9.99, -0.2, 0.0, 0.07, 3.14159, 9.999, 10.0])
def test_two_hot_holds_the_value_in_two_neighbouring_bins(value):
    code = two_hot(torch.tensor(value, dtype=torch.float64), BINS)
    assert (code >= 0).all()
    assert code.sum().item() == pytest.approx(1, abs=1e-12)
    assert (code @ BINS).item() == pytest.approx(value, abs=1e-12)
    places = code.nonzero().flatten().tolist()
    assert len(places) <= 2
    assert max(places) - min(places) <= 1


@pytest.mark.parametrize(("value", "place"), [(-1e9, 0), (1e9, 100), (float("inf"), 100)])
def test_two_hot_clamps_to_the_outer_bins(value, place):
    code = two_hot(torch.tensor(value, dtype=torch.float64), BINS)
    assert code[place] == 1
    assert code.sum() == 1


def test_two_hot_keeps_leading_axes():
    assert two_hot(torch.zeros(2, 3), BINS.float()).shape == (2, 3, 101)
    assert two_hot(torch.tensor(0.3), torch.tensor([0.0, 1.0])).tolist() == pytest.approx([0.7, 0.3])


def test_round_trip_of_rewards_through_logits():
    reward = torch.tensor([-3.0, 0.0, 0.25, 1.0, 40.0], dtype=torch.float64)
    logits = two_hot(symlog(reward), BINS).clamp(min=1e-300).log()
    torch.testing.assert_close(symexp(expectation(logits, BINS)), reward, rtol=1e-9, atol=1e-12)


def test_expectation_agrees_with_numpy():
    logits = torch.randn(4, 5, 101, dtype=torch.float64)
    weights = np.exp(logits.numpy())
    expected = (weights * BINS.numpy()).sum(-1) / weights.sum(-1)
    np.testing.assert_allclose(expectation(logits, BINS).numpy(), expected, rtol=1e-10, atol=1e-12)


def test_soft_cross_entropy_is_the_negative_mean_log_likelihood_of_the_code():
    logits = torch.randn(3, 101, dtype=torch.float64)
    reward = torch.tensor([-2.0, 0.1, 7.0], dtype=torch.float64)
    code = two_hot(symlog(reward), BINS).numpy()
    log_softmax = logits.numpy() - np.log(np.exp(logits.numpy()).sum(-1, keepdims=True))
    np.testing.assert_allclose(soft_cross_entropy(logits, reward, BINS).numpy(), -(code * log_softmax).sum(-1))


def test_soft_cross_entropy_is_least_at_the_code_itself():
    reward = torch.tensor(0.37, dtype=torch.float64)
    code = two_hot(symlog(reward), BINS)
    best = soft_cross_entropy(code.clamp(min=1e-30).log(), reward, BINS)
    entropy = -(code[code > 0] * code[code > 0].log()).sum()
    assert best.item() == pytest.approx(entropy.item(), abs=1e-9)
