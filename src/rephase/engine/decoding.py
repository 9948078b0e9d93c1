"""What the reward heads of many runs' world models say, as rewards in symlog units."""

from __future__ import annotations

from torch import Tensor

from rephase.engine.parts import SharedPart, StackedPart
from rephase.engine.rewards import expectation
from rephase.protocols import OwnRewards, TwoHotRewards

__all__ = ["RewardDecoder"]


class RewardDecoder:
    """Reads the reward heads of R runs: by the models' own way where they have one, else as logits over bins.

    Args:
        world_model: The runs' world models.
    """

    def __init__(self, world_model: SharedPart | StackedPart) -> None:
        self._world_model = world_model
        model = world_model.module
        self._bins: Tensor | None = None
        if not isinstance(model, OwnRewards):
            assert isinstance(model, TwoHotRewards)
            self._bins = model.reward_bins()

    def decode(self, output: Tensor) -> Tensor:
        """Rewards (R, B) of what the heads said, (R, B, K)."""
        if self._bins is not None:
            return expectation(output, self._bins)
        return self._world_model.call("decode_reward", output)

    def decode_over_time(self, output: Tensor) -> Tensor:
        """Rewards (H, R, B) of what the heads said, (H, R, B, K)."""
        if self._bins is not None:
            return expectation(output, self._bins)
        return self._world_model.call("decode_reward", output.transpose(0, 1)).transpose(0, 1)
