"""What becomes of numbers that are not finite, or huge: the behaviour that docs/explanation/variants.md names."""

from __future__ import annotations

import pytest
import torch

from rephase.engine.cohort import Cohort, Member
from rephase.manifest import Run
from rephase.reproduction.evaluating import Episodes


@pytest.fixture
def build(build_model, build_policy, spaces, algorithm):
    """Builds two runs of one task after one update, with a world model that may have a NaN in a part."""
    starts = {0: torch.randn(6, 5, generator=torch.Generator().manual_seed(9))}

    def built(nan=""):
        model, members = build_model("mlp"), [Member(0, 0), Member(0, 1)]
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if nan and name.startswith(nan) and name.endswith("0.bias"):
                    parameter[0] = torch.nan
        cohort = Cohort(
            world_model=model,
            build_policy=lambda: build_policy("gaussian"),
            algorithm=algorithm,
            members=members,
            experience=starts,
            spaces=spaces,
        )
        cohort.advance(1)
        return cohort

    return built


@pytest.fixture
def cohort(build):
    return build()


def broken(cohort, name, value, at=()):
    state = dict(cohort.state_dict())
    state[name] = state[name].clone()
    state[name][at] = value
    cohort.load_state_dict(state)
    cohort.advance(1)
    return [cohort.failure(run) for run in range(2)]


@pytest.mark.parametrize("part", ["_reward", "_dynamics", "_encoder"], ids=["rewards", "next latents", "latents"])
def test_rewards_and_latents_that_are_nan_fail_the_run_instead_of_becoming_zero_or_being_left_out(build, part):
    cohort = build(nan=part)
    for run in range(2):
        assert cohort.failure(run).epoch == 0
        assert cohort.failure(run).quantity.endswith("gradient norm")


def test_nan_gradients_of_a_critic_fail_its_run_and_no_other_instead_of_being_zeroed(cohort):
    first, second = broken(cohort, "critic/params.0", torch.nan, 0)
    assert first.quantity in ("actor gradient norm", "critic gradient norm")
    assert second is None


def test_values_over_a_million_end_no_run(cohort):
    """The last layer's bias is the value itself."""
    names = sorted((name for name in cohort.state_dict() if name.startswith("critic/")), key=lambda name: name[-2:])
    last = next(name for name in reversed(names) if cohort.state_dict()[name].shape[-1] == 1)
    assert broken(cohort, last, 5e6) == [None, None]
    assert any(value.abs().max() > 1e6 for name, value in cohort.state_dict().items() if name.startswith("critic/"))


def test_nan_actions_are_zero_when_a_policy_is_evaluated():
    returns = []
    for fill in (torch.nan, 0.0):
        episodes = Episodes([Run("baseline", "reacher-easy", 1)])
        action = torch.full((1, 1, 6), fill)
        try:
            returns.append(episodes.play("reward", 1, lambda _, action=action: action, lambda: None).returns)
        finally:
            episodes.close()
    assert returns[0].isfinite().all()
    assert torch.equal(*returns)
