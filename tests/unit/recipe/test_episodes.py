from __future__ import annotations

import torch


def test_recorder_keeps_whole_episodes_with_zero_padding(random_episodes):
    episodes = random_episodes("reacher-easy")
    assert episodes.task == 4
    assert episodes.observations.shape == (2, 501, 24)
    assert episodes.actions.shape == (2, 500, 6)
    assert episodes.rewards.shape == (2, 500)
    assert episodes.actions[..., 2:].abs().max() == 0
    assert episodes.actions[..., :2].abs().min() > 0
    assert episodes.observations[..., 6:].abs().max() == 0


def test_episodes_come_back_from_their_file(random_episodes, tmp_path):
    from rephase.reproduction.pretraining.episodes import RealEpisodes

    episodes = random_episodes("cheetah-run")
    episodes.write(tmp_path / "x.safetensors", source="random")
    again = RealEpisodes.read(tmp_path / "x.safetensors")
    assert again.task == 3
    assert torch.equal(again.observations, episodes.observations)
    assert torch.equal(again.actions, episodes.actions)
    assert torch.equal(again.returns, episodes.returns)


def test_join_groups_by_task_in_order(random_episodes):
    from rephase.reproduction.pretraining.episodes import join

    reacher, cheetah = random_episodes("reacher-easy"), random_episodes("cheetah-run")
    joined = join([reacher, cheetah, reacher])
    assert {task: len(own) for task, own in joined.items()} == {4: 4, 3: 2}
    assert torch.equal(joined[4].rewards[2:], reacher.rewards)
