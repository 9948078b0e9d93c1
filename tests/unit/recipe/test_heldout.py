from __future__ import annotations

import torch
from rephase_mlp.offers import MLPWorldModelConfig
from rephase_mlp.world_model import MLPWorldModel

from rephase.engine.cohort import Member
from rephase.environments import SPACES


def test_returns_table_gives_the_ratio_only_where_there_is_one():
    from recipe.heldout import returns_table

    rows = returns_table(
        [Member(4, 7), Member(0, 8)],
        torch.tensor([[100.0, 300.0], [0.0, 0.0]]),
        torch.tensor([[150.0, 350.0], [9.0, 9.0]]),
    )
    assert rows[0] == {
        "task": "reacher-easy",
        "seed": 7,
        "real": [100.0, 300.0],
        "real_mean": 200.0,
        "predicted_mean": 250.0,
        "ratio": 1.25,
    }
    assert rows[1]["ratio"] is None


def test_prediction_errors_of_a_model_that_predicts_zero_reward_are_the_rewards(random_episodes):
    from recipe.heldout import prediction_errors

    model = MLPWorldModel(MLPWorldModelConfig(latent_size=16, encoder_units=(8,), units=(8,), task_size=4), SPACES)
    model.initialise(torch.Generator().manual_seed(1))
    episodes = random_episodes("cheetah-run")
    rows = prediction_errors(model, episodes, (1, 2))
    starts = torch.arange(0, 498, 5)
    # The last reward layer starts at zero, so every predicted reward is zero up to rounding.
    assert rows[0]["reward"] == round(float(episodes.rewards[:, starts].mean()), 5)
    assert rows[1]["reward"] == round(float(episodes.rewards[:, starts + 1].mean()), 5)
    assert all(row["latent"] > 0 for row in rows)
