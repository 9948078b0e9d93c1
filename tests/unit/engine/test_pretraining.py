"""Fitting a world model to episodes: what is drawn, at which rate, with which padding, and bit for bit after a stop."""

from __future__ import annotations

import itertools

import pytest
import torch

from rephase.engine import pretraining
from rephase.engine.pretraining import EpisodePool, Pretrainer, Pretraining
from rephase.engine.seeding import stream

LENGTHS = {0: (3, 9), 2: (2, 6)}
"""Episodes and steps of each task of the pool; task 2 has two action entries and one of padding."""


def pool(shares=None):
    """Episodes whose every number says where it is: 100 x episode + step, tasks apart by 1000."""
    observations, actions, rewards = {}, {}, {}
    for task, (episodes, steps) in LENGTHS.items():
        numbers = 1000.0 * task + 100.0 * torch.arange(episodes)[:, None] + torch.arange(steps + 1)
        observations[task] = numbers.unsqueeze(-1).expand(-1, -1, 5).clone()
        actions[task] = numbers[:, :-1].unsqueeze(-1).expand(-1, -1, 3).clone()
        rewards[task] = numbers[:, :-1].clone()
    return EpisodePool(observations, actions, rewards, shares)


@pytest.fixture
def real():
    """Small random episodes to fit."""
    draws = stream(0, "episodes")
    shapes = {"observations": (4, 13, 5), "actions": (4, 12, 3), "rewards": (4, 12)}
    return EpisodePool(*({task: torch.rand(*shape, generator=draws) for task in (0, 2)} for shape in shapes.values()))


@pytest.fixture
def fit(build_model, spaces, real):
    """Makes a fit of a fresh model."""

    def make(settings, kind="mlp"):
        model = build_model(kind, 1)
        return Pretrainer(model, real, settings, spaces, stream(3, "fit")), model

    return make


def settings(**changes):
    return Pretraining(**{"steps": 6, "batch_size": 8, "horizon": 3, "first_lr": 1e-2} | changes)


def test_the_rate_rises_in_a_line_and_falls_along_a_cosine():
    schedule = Pretraining(steps=110, warmup=10, first_lr=1.0, final_lr=0.2)
    rates = [schedule.learning_rate(step) for step in range(111)]

    assert rates[:10] == pytest.approx([0.1 * (step + 1) for step in range(10)])
    assert rates[10] == pytest.approx(1.0)
    assert rates[60] == pytest.approx(0.6)
    assert rates[110] == pytest.approx(0.2)
    assert all(later < earlier for earlier, later in itertools.pairwise(rates[10:]))


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"batch_size": 0}, {"horizon": -1}, {"gamma": 0.0}, {"warmup": -1}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=f"'{next(iter(wrong))}' must be"):
        Pretraining(**wrong)


def test_slices_are_stretches_of_one_episode_with_what_was_done_in_them():
    observations, actions, rewards, tasks = pool().draw(40, 4, stream(1, "draw"))

    assert observations.shape == (5, 40, 5)
    assert actions.shape == (4, 40, 3)
    assert rewards.shape == (4, 40)
    assert torch.equal(observations[1:], observations[:1] + torch.arange(1.0, 5.0)[:, None, None])
    assert torch.equal(actions, observations[:-1, :, :3])
    assert torch.equal(rewards, observations[:-1, :, 0])
    assert torch.equal(tasks, (observations[0, :, 0] // 1000).long())


def test_every_start_that_leaves_room_is_drawn_and_no_other():
    observations, *_, tasks = pool().draw(2000, 4, stream(1, "draw"))
    starts = observations[0, :, 0]

    for task, (episodes, steps) in LENGTHS.items():
        wanted = {1000 * task + 100 * episode + step for episode in range(episodes) for step in range(steps - 4 + 1)}
        assert {int(start) for start in starts[tasks == task]} == wanted


@pytest.mark.parametrize(
    ("shares", "count", "wanted"),
    [(None, 7, {0: 4, 2: 3}), ({0: 0.25, 2: 0.75}, 8, {0: 2, 2: 6}), ({0: 0.0, 2: 1.0}, 5, {0: 0, 2: 5})],
)
def test_each_task_has_its_share_and_the_total_is_exact(shares, count, wanted):
    tasks = pool(shares).draw(count, 2, stream(1, "draw"))[-1]

    assert {task: int((tasks == task).sum()) for task in LENGTHS} == wanted


def test_draws_come_from_the_generator_alone():
    before = torch.get_rng_state()
    first, second = (pool().draw(16, 3, stream(5, "draw"))[0] for _ in range(2))

    assert torch.equal(first, second)
    assert not torch.equal(first, pool().draw(16, 3, stream(6, "draw"))[0])
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_padded_action_entries_are_zero_or_noise_and_the_others_are_left(noise, fit, monkeypatch):
    seen = []
    loss = pretraining.world_model_loss

    def watched(model, observation, action, reward, task, *rest):
        seen.append((action.clone(), task))
        return loss(model, observation, action, reward, task, *rest)

    monkeypatch.setattr(pretraining, "world_model_loss", watched)
    fit(settings(padding_noise=noise))[0].advance(1)
    plain = fit(settings())[0]
    plain.advance(1)
    (action, task), (bare, _) = seen

    padding = torch.zeros_like(action, dtype=torch.bool)
    padding[:, task == 2, 2:] = True  # the spaces of these tests: three entries in task 0, two in task 2
    assert torch.equal(action[~padding], bare[~padding])
    assert torch.all(bare[padding] == 0)
    if noise:
        assert torch.all(action[padding].abs() <= noise)
        assert action[padding].min() < 0 < action[padding].max()


def test_a_fit_makes_its_updates_and_no_more(fit):
    trainer, model = fit(settings(steps=3))
    before = {name: value.clone() for name, value in model.state_dict().items()}

    assert trainer.advance(2) is not None
    assert trainer.step == 2
    assert trainer.advance(5) is not None
    assert trainer.step == 3
    assert trainer.advance(1) is None
    assert all(not torch.equal(value, before[name]) for name, value in model.named_parameters())


def test_the_first_update_is_as_large_as_the_warm_up_says(fit):
    # Adam's first step is the learning rate, whatever the gradient.
    trainer, model = fit(settings(warmup=10, first_lr=1e-2))
    before = {name: value.clone() for name, value in model.named_parameters()}
    trainer.advance(1)

    largest = max(float((value - before[name]).detach().abs().max()) for name, value in model.named_parameters())
    assert largest == pytest.approx(1e-3, rel=0.02)


@pytest.mark.parametrize("kind", ["mlp", "flow"])
def test_the_loss_falls(kind, fit):
    trainer, _ = fit(settings(steps=60), kind)
    first = trainer.advance(1)
    last = trainer.advance(59)

    assert not last.total.requires_grad
    assert float(last.total) < 0.7 * float(first.total)


@pytest.mark.parametrize("kind", ["mlp", "flow"])
def test_an_interrupted_fit_goes_on_bit_for_bit(kind, fit):
    whole, wanted = fit(settings(), kind)
    whole.advance(6)
    first, _ = fit(settings(), kind)
    first.advance(3)
    saved = first.state_dict()
    first.advance(1)  # what is saved is a copy
    second, found = fit(settings(), kind)
    second.load_state_dict(saved)

    assert second.step == 3
    second.advance(3)
    for name, value in wanted.state_dict().items():
        assert torch.equal(found.state_dict()[name], value), name
