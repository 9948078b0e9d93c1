"""The policies that are extracted in the model while it is made."""

from __future__ import annotations

from collections.abc import Sequence

from rephase_mlp.offers import GaussianPolicyConfig
from rephase_mlp.policy import GaussianPolicy
from rephase_mlp.world_model import MLPWorldModel
from torch import Tensor

from rephase.engine.cohort import Cohort, Member
from rephase.environments import SPACES
from rephase.manifest.algorithm import Algorithm

__all__ = ["begin"]


def begin(
    model: MLPWorldModel,
    members: Sequence[Member],
    algorithm: Algorithm,
    policy_units: tuple[int, ...],
    starts: dict[int, Tensor],
) -> Cohort:
    """A cohort of one Gaussian policy for each member, before its first epoch.

    Args:
        model: The world model; frozen here.
        members: Tasks and seeds.
        algorithm: How the policies will be extracted.
        policy_units: Hidden widths of the policies.
        starts: Start observations by task index.

    Returns:
        The cohort; ``advance`` extracts.
    """
    config = GaussianPolicyConfig(units=policy_units)
    return Cohort(
        world_model=model,
        build_policy=lambda: GaussianPolicy(config, model.latent_size(), SPACES.action),
        algorithm=algorithm,
        members=members,
        experience=starts,
        spaces=SPACES,
    )
