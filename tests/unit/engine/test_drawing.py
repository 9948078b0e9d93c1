"""What a frozen model's runs start from: their own episodes, afresh at every update, where no file is shared."""

from __future__ import annotations

import torch
from torch import Tensor

from rephase.engine.drawing import RandomInputs
from rephase.engine.pretraining import EpisodePool


def pool(seed: int) -> EpisodePool:
    draws = torch.Generator().manual_seed(seed)
    shapes = ((4, 9, 3), (4, 8, 2), (4, 8))
    return EpisodePool(*({0: torch.rand(*shape, generator=draws)} for shape in shapes))


def drawn(seeds: list[int], pools: list[EpisodePool], trains_model: bool, times: int = 1) -> list[dict[str, Tensor]]:
    draws = RandomInputs(
        seeds=seeds,
        experience=pools,
        size=5,
        horizon=3,
        noise_shape=(5, 2),
        model_noise_shape=None,
        trains_model=trains_model,
    )
    return [draws.draw() for _ in range(times)]


def test_start_states_are_the_first_rows_of_the_slices_a_training_model_would_get() -> None:
    [starts], [slices] = (drawn([1, 2], [pool(1), pool(2)], trains) for trains in (False, True))
    assert set(starts) == {"noise", "observation"}
    assert torch.equal(starts["observation"], slices["observation"][0])
    assert torch.equal(starts["noise"], slices["noise"])


def test_they_are_drawn_afresh_at_every_update_and_by_each_run_for_itself() -> None:
    first, second = drawn([1, 2], [pool(1), pool(1)], trains_model=False, times=2)
    assert not torch.equal(first["observation"], second["observation"])
    assert not torch.equal(first["observation"][0], first["observation"][1])
