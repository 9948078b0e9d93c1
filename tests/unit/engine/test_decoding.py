"""Reward heads are read by the model's own way where it has one, else as logits over its bins."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rephase.engine.decoding import RewardDecoder
from rephase.engine.parts import SharedPart
from rephase.engine.rewards import expectation


class Own(nn.Module):
    """A model whose rewards are the double of the first thing its head says."""

    def decode_reward(self, output: Tensor) -> Tensor:
        return 2 * output[..., 0]

    def reward_loss(self, output: Tensor, reward: Tensor) -> Tensor:
        return (output[..., 0] - reward).square()


def test_logits_are_the_expectation_over_the_models_bins(build_model) -> None:
    model = build_model()
    output = torch.randn(2, 3, 11, generator=torch.Generator().manual_seed(0))
    decoder = RewardDecoder(SharedPart(model, 2))
    assert torch.equal(decoder.decode(output), expectation(output, model.reward_bins()))
    whole = torch.stack([output, 2 * output])
    assert torch.allclose(decoder.decode_over_time(whole)[1], decoder.decode(2 * output))


def test_a_models_own_way_goes_first_also_over_time() -> None:
    decoder = RewardDecoder(SharedPart(Own(), 2))
    output = torch.arange(24.0).reshape(4, 2, 3, 1)
    assert torch.equal(decoder.decode(output[0]), 2 * output[0, ..., 0])
    assert torch.equal(decoder.decode_over_time(output), 2 * output[..., 0])
