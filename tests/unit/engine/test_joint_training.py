"""World models that train beside their policies: stacked like them, each run on its own, resumable."""

from __future__ import annotations

import pytest
import torch
from rephase_flow.offers import FlowPolicyConfig, FlowWorldModelConfig
from rephase_flow.policy import FlowPolicy
from rephase_flow.world_model import FlowWorldModel
from rephase_mlp.offers import GaussianPolicyConfig, MLPWorldModelConfig
from rephase_mlp.policy import GaussianPolicy
from rephase_mlp.world_model import MLPWorldModel
from rephase_rk.methods import HEUN
from rephase_rk.runge_kutta import RungeKutta

from rephase.engine.cohort import Cohort, Member
from rephase.engine.learner import Batch
from rephase.engine.pretraining import EpisodePool
from rephase.engine.seeding import stream
from rephase.manifest.algorithm import Algorithm, Variants
from rephase.protocols import Spaces

MEMBERS = [Member(1, 42), Member(0, 123), Member(2, 456)]
SPACES = Spaces(5, 3, (3, 1, 2))
SIZES = {"latent_size": 16, "encoder_units": (12,), "units": (12, 12), "task_size": 4}


@pytest.fixture
def pools():
    draws = stream(0, "episodes")

    def episodes(task):
        shapes = ((4, 21, 5), (4, 20, 3), (4, 20))
        return EpisodePool(*({task: torch.rand(*shape, generator=draws)} for shape in shapes))

    return {task: episodes(task) for task in range(3)}


def cohort(members, pools, flow=False, variants=None, **settings):
    algorithm = Algorithm(
        epochs=20,
        horizon=3,
        batch_size=8,
        critic_units=(12,),
        finetune_world_model=True,
        variants=variants or Variants(),
        **settings,
    )
    heun = RungeKutta(HEUN)
    models = []
    for member in members:
        if flow:
            model = FlowWorldModel(FlowWorldModelConfig(**SIZES, substeps=2), SPACES, heun)
        else:
            model = MLPWorldModel(MLPWorldModelConfig(**SIZES), SPACES)
        model.initialise(stream(member.seed, "world-model"))
        models.append(model)

    def build_policy():
        if flow:
            return FlowPolicy(FlowPolicyConfig(units=(8,)), 16, 3, heun)
        return GaussianPolicy(GaussianPolicyConfig(units=(8,)), 16, 3)

    return Cohort(
        world_model=models,
        build_policy=build_policy,
        algorithm=algorithm,
        members=members,
        experience=pools,
        spaces=SPACES,
    )


@pytest.mark.parametrize("flow", [False, True], ids=["mlp", "flow"])
@pytest.mark.parametrize("variants", [Variants(), Variants.corrected()], ids=["as-logged", "corrected"])
def test_a_run_learns_the_same_alone_and_among_others(pools, flow, variants):
    together = cohort(MEMBERS, pools, flow, variants)
    together.advance(3)
    for run, member in enumerate(MEMBERS):
        alone = cohort([member], pools, flow, variants)
        alone.advance(3)
        for state in ("world_model_state", "policy_state", "critic_state"):
            ours, theirs = getattr(together, state)(run), getattr(alone, state)(0)
            for name in theirs:
                torch.testing.assert_close(ours[name], theirs[name], rtol=2e-4, atol=2e-5)


def test_the_world_model_moves_and_its_frozen_namesake_has_no_state_of_its_own(pools):
    training = cohort(MEMBERS, pools)
    before = training.world_model_state(0)
    training.advance(1)
    after = training.world_model_state(0)
    assert not torch.equal(before["_dynamics.0.weight"], after["_dynamics.0.weight"])


def test_the_task_embedding_trains_only_where_corrected(pools):
    for variants, trains in ((Variants(), False), (Variants.corrected(), True)):
        training = cohort(MEMBERS, pools, variants=variants)
        before = training.world_model_state(0)["_task_emb.weight"]
        training.advance(2)
        moved = not torch.equal(before, training.world_model_state(0)["_task_emb.weight"])
        assert moved is trains


@pytest.mark.parametrize("flow", [False, True], ids=["mlp", "flow"])
def test_resuming_is_exact_also_where_the_stale_gradient_decides_the_clipping(pools, flow):
    # With a clip this tight, forgetting the gradient that is never cleared would change the next update.
    undisturbed = cohort(MEMBERS, pools, flow, model_grad_norm=0.01)
    undisturbed.advance(3)
    state = undisturbed.state_dict()
    assert "uncleared/_task_emb.weight" in state
    undisturbed.advance(3)
    resumed = cohort(MEMBERS, pools, flow, model_grad_norm=0.01)
    resumed.load_state_dict(state)
    resumed.advance(3)
    expected, found = undisturbed.state_dict(), resumed.state_dict()
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    state.pop("uncleared/_task_emb.weight")
    forgetful = cohort(MEMBERS, pools, flow, model_grad_norm=0.01)
    forgetful.load_state_dict(state)
    forgetful.advance(3)
    name = f"world_model/{'_velocity' if flow else '_dynamics'}.0.weight"
    assert not torch.equal(forgetful.state_dict()[name], expected[name])


@pytest.mark.parametrize("flow", [False, True], ids=["mlp", "flow"])
def test_as_logged_all_reward_logits_stay_equal_so_that_every_state_promises_nothing(pools, flow):
    seen = torch.rand(3, 4, 5, generator=stream(1, "seen"))
    collapsed = cohort(MEMBERS, pools, flow, Variants(), model_lr=1e-2)
    learning = cohort(MEMBERS, pools, flow, Variants(reward_loss="corrected"), model_lr=1e-2)
    for training in (collapsed, learning):
        training.advance(8)
    for run in range(3):
        for name in ("weight", "bias"):
            [last] = [
                value
                for key, value in collapsed.world_model_state(run).items()
                if key.startswith("_reward") and key.endswith(name) and value.shape[0] == 101
            ]
            assert last.abs().max() > 0
            torch.testing.assert_close(last, last[:1].expand_as(last), rtol=1e-4, atol=1e-6)
    # Equal logits are the same chance for every bin, and the bins lie evenly around zero.
    assert collapsed.predicted_return(seen, 10).abs().max() < 1e-4
    assert learning.predicted_return(seen, 10).abs().min() > 0.05


def test_as_logged_the_velocity_of_a_latent_only_ever_adds(pools):
    # Each group of a velocity sums to 1 as logged, so a group of the latent grows by 1 a step; true ones stay at 1.
    heun = RungeKutta(HEUN)
    task, action = torch.tensor([0, 1]), torch.zeros(2, 3)
    sums = {}
    for head in ("as-logged", "corrected"):
        model = FlowWorldModel(FlowWorldModelConfig(**SIZES, substeps=2, velocity_head=head), SPACES, heun)
        model.initialise(stream(0, "world-model"))
        latent = model.encode(torch.rand(2, 5, generator=stream(0, "seen")), task)
        found = []
        for _ in range(4):
            found.append(latent.unflatten(-1, (-1, 8)).sum(-1).mean().item())
            latent = model.next(latent, action, task)
        sums[head] = found
    assert sums["as-logged"] == pytest.approx([1, 2, 3, 4], abs=1e-4)
    assert sums["corrected"] == pytest.approx([1, 1, 1, 1], abs=0.2)


@pytest.mark.parametrize("flow", [False, True], ids=["mlp", "flow"])
def test_several_steps_of_the_model_in_one_update_are_those_of_as_many_smaller_draws(pools, flow):
    # The policies' first update sees the third step's model and slices; the model never sees the policies.
    several = cohort(MEMBERS[:2], pools, flow, model_updates=3)
    once = cohort(MEMBERS[:2], pools, flow, model_updates=1)
    drawn = several._draws.draw()
    rows = 8
    learner, reference = several._learner, once._learner
    for side in (learner, reference):
        side.set_learning_rates(0)
    tasks = torch.tensor([[member.task] * rows for member in MEMBERS[:2]])
    whole = Batch(task=tasks, **drawn)
    parts = []
    for at in range(3):
        own = {
            name: value if name == "noise" else value[:, :, at * rows : (at + 1) * rows]
            for name, value in drawn.items()
        }
        parts.append(Batch(task=tasks, **own))
    for part in parts:
        metrics = reference._update_model(part)
    reference.update_policy(parts[-1])
    found = learner.learn(whole)
    assert all(torch.equal(found.metrics[name], value) for name, value in metrics.items())
    for part in ("world_model", "policy"):
        ours, theirs = getattr(learner, part).parameters(), getattr(reference, part).parameters()
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_resuming_is_exact_with_several_steps_of_the_model(pools):
    undisturbed = cohort(MEMBERS, pools, flow=True, model_updates=4)
    undisturbed.advance(2)
    resumed = cohort(MEMBERS, pools, flow=True, model_updates=4)
    resumed.load_state_dict(undisturbed.state_dict())
    undisturbed.advance(2)
    resumed.advance(2)
    expected, found = undisturbed.state_dict(), resumed.state_dict()
    assert all(torch.equal(expected[name], found[name]) for name in expected)
