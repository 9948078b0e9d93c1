from __future__ import annotations

import pytest
import torch
from attrs import evolve
from torch import nn

from rephase.engine import critic
from rephase.engine.critic import CriticEnsembles
from rephase.engine.learner import Batch, Learner, action_masks, clip_by_run
from rephase.engine.parts import SharedPart, StackedPart
from rephase.manifest.algorithm import Variant, Variants

EMBEDDING = "_task_emb.weight"


@pytest.fixture
def training(algorithm):
    return evolve(algorithm, finetune_world_model=True, model_lr=1e-2)


@pytest.fixture
def build_learner(build_model, build_policy, spaces):
    """A learner of the runs named by their seeds, with a world model each where it trains."""

    def build(algorithm, seeds=(0, 1), kind="mlp", policy="gaussian", stackable=True):
        models = [build_model(kind, seed if algorithm.finetune_world_model else 0, torch.float64) for seed in seeds]
        critics = CriticEnsembles(len(seeds), 8, algorithm.critic_units, algorithm.critics, torch.float64)
        critics.initialise([torch.Generator().manual_seed(seed) for seed in seeds])
        trains = algorithm.finetune_world_model
        return Learner(
            world_model=StackedPart(models, stackable) if trains else SharedPart(models[0], len(seeds)),
            policy=StackedPart([build_policy(policy, seed, torch.float64) for seed in seeds], stackable),
            critics=critics,
            algorithm=algorithm,
            action_masks=action_masks(spaces).double(),
            task_parameters=models[0].task_parameters(),
        )

    return build


def batch(seeds=(0, 1), number=0, kind="mlp"):
    """Inputs of update ``number``, each run's from its own seed."""
    runs = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(100 * seed + number)
        draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: B023, E731
        task = torch.randint(3, (4,), generator=generator)
        tau = torch.rand(3, 4, 1, generator=generator, dtype=torch.float64)
        runs.append((draw(4, 4, 5), task, draw(3, 4, 3), draw(3, 4, 3), draw(3, 4), tau))
    observation, task, noise, action, reward, tau = zip(*runs, strict=True)
    stack = lambda parts: torch.stack(parts, 1)  # noqa: E731
    return Batch(
        observation=stack(observation),
        task=torch.stack(task),
        noise=stack(noise),
        action=stack(action),
        reward=stack(reward),
        model_noise=stack(tau) if kind == "flow" else None,
    )


@pytest.mark.parametrize("stackable", [True, False])
@pytest.mark.parametrize("finetune", [False, True])
@pytest.mark.parametrize(("kind", "policy"), [("mlp", "gaussian"), ("flow", "flow")])
def test_runs_together_are_each_alone(algorithm, build_learner, kind, policy, finetune, stackable):
    algorithm = evolve(algorithm, finetune_world_model=finetune)
    together = build_learner(algorithm, (0, 1, 2), kind, policy, stackable)
    alone = [build_learner(algorithm, (seed,), kind, policy) for seed in (0, 1, 2)]
    if not finetune:
        assert together.world_model.parameters() == {}
    for number in range(3):
        update = together.update(number, batch((0, 1, 2), number, kind))
        for run, learner in enumerate(alone):
            single = learner.update(number, batch((run,), number, kind))
            for name, value in single.metrics.items():
                torch.testing.assert_close(update.metrics[name][run], value[0], rtol=1e-8, atol=1e-10)
            torch.testing.assert_close(update.targets[:, run], single.targets[:, 0], rtol=1e-8, atol=1e-10)
    for run, learner in enumerate(alone):
        for name, value in learner.policy.state(0).items():
            torch.testing.assert_close(together.policy.state(run)[name], value, rtol=1e-7, atol=1e-9)
        for name, value in learner.critics.state(0).items():
            torch.testing.assert_close(together.critics.state(run)[name], value, rtol=1e-7, atol=1e-9)


def test_learning_rates_fall_on_a_straight_line_to_the_final_one(algorithm, build_learner):
    learner = build_learner(algorithm)
    learner.update(5, batch())
    rate = learner.optimisers["actor"].param_groups[0]["lr"].item()
    assert rate == pytest.approx(5e-4 + (1e-5 - 5e-4) * 5 / 20, rel=1e-12)
    assert algorithm.learning_rate(5e-4, 20) == pytest.approx(1e-5, rel=1e-12)


def test_a_frozen_world_model_stays_as_it_was_but_for_long_embeddings(algorithm, build_learner):
    learner = build_learner(algorithm)
    before = {name: value.clone() for name, value in learner.world_model.module.state_dict().items()}
    learner.update(0, batch())
    for name, value in learner.world_model.module.state_dict().items():
        if name == EMBEDDING:
            assert value.norm(dim=1).max() <= max(1 + 1e-6, before[name].norm(dim=1).min())
        else:
            assert torch.equal(value, before[name])


def test_update_moves_policy_critics_and_statistics(algorithm, build_learner):
    learner = build_learner(algorithm)
    policy, critic = learner.policy.state(1), learner.critics.state(1)
    learner.update(0, batch())
    assert all(not torch.equal(value, policy[name]) for name, value in learner.policy.state(1).items())
    assert any(not torch.equal(value, critic[name]) for name, value in learner.critics.state(1).items())
    assert learner.returns.count.tolist() == pytest.approx([4.0001, 4.0001])


def test_the_embedding_as_logged_never_trains_and_its_gradient_is_never_cleared(training, build_learner):
    learner = build_learner(training, (0,))
    table = learner.world_model.parameters()[EMBEDDING]
    table.data.mul_(0.1)
    before = table.detach().clone()
    learner.update(0, batch((0,)))
    assert torch.equal(table.detach(), before)
    first = table.grad.clone()
    assert first.abs().max() > 0
    # With nothing new to learn from, what is left is the old gradient, clipped once more.
    learner.update(1, batch((0,), 1))
    assert table.grad.abs().max() > 0
    own = [id(parameter) for group in learner.optimisers["model"].param_groups for parameter in group["params"]]
    assert id(table) not in own


def test_the_stale_gradient_counts_in_the_clipping_norm(training, build_learner):
    fresh, stale = build_learner(training, (0,)), build_learner(training, (0,))
    table = stale.world_model.parameters()[EMBEDDING]
    table.grad = torch.full_like(table, 100.0)
    norms = [learner.update(0, batch((0,))).metrics["wm_grad_norm"].item() for learner in (fresh, stale)]
    assert norms[1] > 100 * table.numel() ** 0.5 * 0.9
    assert norms[0] < norms[1] / 2


def test_the_embedding_corrected_trains_and_starts_every_update_afresh(training, build_learner):
    corrected = evolve(training, variants=Variants(task_embedding=Variant.CORRECTED))
    fresh, stale = build_learner(corrected, (0,)), build_learner(corrected, (0,))
    table = stale.world_model.parameters()[EMBEDDING]
    before = table.detach().clone()
    table.grad = torch.full_like(table, 100.0)
    norms = [learner.update(0, batch((0,))).metrics["wm_grad_norm"].item() for learner in (fresh, stale)]
    assert norms[0] == norms[1]
    assert not torch.allclose(table.detach(), before, atol=1e-3)
    own = [id(parameter) for group in stale.optimisers["model"].param_groups for parameter in group["params"]]
    assert id(table) in own


@pytest.mark.parametrize("variant", list(Variant))
def test_padded_actions_reach_the_model_only_as_logged(algorithm, build_learner, variant):
    """The rows of task 1 have two padded entries: only where they are masked can their noise not matter."""
    algorithm = evolve(algorithm, variants=Variants(mask_actions=variant))
    given = batch((0,))
    given = evolve(given, task=torch.ones_like(given.task))
    noise = given.noise.clone()
    noise[..., 1:] += 3.0
    first = build_learner(algorithm, (0,)).policy_objective(given)[1]
    second = build_learner(algorithm, (0,)).policy_objective(evolve(given, noise=noise))[1]
    assert torch.equal(first, second) == (variant is Variant.CORRECTED)


def test_the_objective_without_normalisation_is_divided_by_the_horizon(algorithm, build_learner):
    loss, raw, _ = build_learner(evolve(algorithm, normalise_returns=False)).policy_objective(batch())
    torch.testing.assert_close(loss, raw.mean(1) / 3)


def test_the_objective_is_divided_by_the_spread_including_the_batch_itself(algorithm, build_learner):
    learner = build_learner(algorithm)
    loss, raw, _ = learner.policy_objective(batch())
    torch.testing.assert_close(loss, raw.mean(1) / (learner.returns.var + 1e-5).sqrt())
    torch.testing.assert_close(learner.returns.mean, raw.mean(1), rtol=1e-4, atol=1e-4)


def test_clipping_scales_each_run_by_its_own_norm():
    a, b = nn.Parameter(torch.zeros(3, 2)), nn.Parameter(torch.zeros(3, 1, 2))
    a.grad = torch.tensor([[3.0, 0.0], [0.3, 0.0], [0.0, 0.0]])
    b.grad = torch.tensor([[[4.0, 0.0]], [[0.0, 0.4]], [[0.0, 0.0]]])
    norms = clip_by_run([a, b], 1.0)
    assert norms.tolist() == pytest.approx([5.0, 0.5, 0.0])
    torch.testing.assert_close(a.grad, torch.tensor([[0.6, 0.0], [0.3, 0.0], [0.0, 0.0]]))
    torch.testing.assert_close(b.grad, torch.tensor([[[0.8, 0.0]], [[0.0, 0.4]], [[0.0, 0.0]]]))


def test_clipping_is_torch_s_own_for_one_run():
    ours = [nn.Parameter(torch.zeros(1, 4)), nn.Parameter(torch.zeros(1, 2, 3))]
    theirs = [nn.Parameter(torch.zeros(4)), nn.Parameter(torch.zeros(2, 3))]
    for our, their in zip(ours, theirs, strict=True):
        their.grad = torch.randn(their.shape)
        our.grad = their.grad.unsqueeze(0).clone()
    norm = torch.nn.utils.clip_grad_norm_(theirs, 0.7)
    torch.testing.assert_close(clip_by_run(ours, 0.7)[0], norm)
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our.grad[0], their.grad)


def test_masks_mark_each_task_s_own_entries(spaces):
    assert action_masks(spaces).tolist() == [[1, 1, 1], [1, 0, 0], [1, 1, 0]]


@pytest.mark.parametrize("policy", ["gaussian", "flow"])
def test_critics_computed_at_once_are_those_one_after_the_other(algorithm, build_learner, policy, monkeypatch):
    """What a GPU is asked for and what a CPU is asked for are the same."""
    monkeypatch.setattr(critic, "_IN_CACHE", 0)
    apart, at_once = (build_learner(algorithm, policy=policy) for _ in range(2))
    at_once.critics.at_once = True
    for number in range(3):
        one, other = (learner.update(number, batch(number=number)) for learner in (apart, at_once))
        for name, value in one.metrics.items():
            torch.testing.assert_close(other.metrics[name], value, rtol=1e-9, atol=1e-11)
        torch.testing.assert_close(other.targets, one.targets, rtol=1e-9, atol=1e-11)
    for name, value in apart.critics.parameters().items():
        torch.testing.assert_close(at_once.critics.parameters()[name], value, rtol=1e-8, atol=1e-10)


def test_a_cpu_computes_critics_at_once_while_they_stay_in_its_cache(build_learner, algorithm):
    critics = build_learner(algorithm).critics
    latent = torch.zeros(critics.runs, 6, 8, dtype=torch.float64)

    assert critics.broadcast(latent, 3).shape == (critics.runs * critics.critics, 6, 8)
    assert critics.broadcast(latent, critic._IN_CACHE) is latent
